import { expect, test } from "bun:test";
import fc from "fast-check";
import { compareDebVersions, upstreamOf, withoutBackport } from "./deb-version.ts";

test("in the order of deb-version(7)", () => {
  const sorted = [
    "1.0~rc1-1", "1.0-1", "1.0-1+b1", "1.0-1+deb12u1", "1.0.1-1", "1.5", "1.10", "5.10.209-2", "6.1.0-9-amd64", "6.1.0-42-amd64", "6.1.170-1", "6.1.170-3",
    "6.12.86-1~bpo12+1", "6.12.86-1", "1:0.1",
  ];
  expect(sorted.toReversed().toSorted(compareDebVersions)).toEqual(sorted);
  expect(compareDebVersions("1.00-01", "1.0-1")).toBe(0);
});

test("backports count as what they were made from", () => {
  expect(withoutBackport("6.12.86-1~bpo12+1")).toBe("6.12.86-1");
  expect(withoutBackport("6.8.0-117.117~22.04.1")).toBe("6.8.0-117.117");
  expect(withoutBackport("6.1.170-3")).toBe("6.1.170-3");
});

test("the upstream part is told from what Debian did", () => {
  expect(["5:27.1.1-1~debian.12~bookworm", "1.1.5+ds1-1+deb12u1", "20.10.24+dfsg1-1+b6", "6.1.170-3"].map(upstreamOf)).toEqual(["27.1.1", "1.1.5", "20.10.24", "6.1.170"]);
});

const dpkg = Bun.which("dpkg");

test.skipIf(dpkg === null)("dpkg says the same of any two versions", () => {
  const part = fc.string({ unit: fc.constantFrom("0", "1", "2", "9", "a", "z", "A", ".", "+", "~"), maxLength: 8 });
  const version = fc.tuple(fc.constantFrom("", "0:", "1:"), fc.nat(20), part, fc.option(fc.tuple(fc.nat(9), part), { nil: undefined }))
    .map(([epoch, number, rest, revision]) => `${epoch}${number}${rest}${revision === undefined ? "" : `-${revision[0]}${revision[1]}`}`);
  const pairs = fc.sample(fc.oneof(fc.tuple(version, version), version.map((one): [string, string] => [one, `${one}~`])), 400);
  // One shell for all of them: a process for each would take minutes.
  const script = pairs.map(([a, b]) => `dpkg --compare-versions '${a}' lt '${b}' && echo lt || { dpkg --compare-versions '${a}' eq '${b}' && echo eq || echo gt; }`).join("\n");
  const said = Bun.spawnSync(["sh", "-s"], { stdin: new TextEncoder().encode(script) }).stdout.toString().trim().split("\n");
  const ours = pairs.map(([a, b]) => (compareDebVersions(a, b) < 0 ? "lt" : compareDebVersions(a, b) === 0 ? "eq" : "gt"));
  expect(pairs.map((pair, i) => [...pair, ours[i]])).toEqual(pairs.map((pair, i) => [...pair, said[i]]));
}, 120_000);

test("it is an order for any texts", () => {
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => {
    expect(Math.sign(compareDebVersions(a, b))).toBe(-Math.sign(compareDebVersions(b, a)) + 0);
    expect(compareDebVersions(a, a)).toBe(0);
  }));
});
