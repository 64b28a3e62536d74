import { expect, test } from "bun:test";
import { compareVersions, fixState, parseVersion, type Version } from "./version.ts";

const version = (text: string): Version => parseVersion(text) ?? { numbers: [0, 0, 0], candidate: 0 };

test("release candidates come before what they are of", () => {
  const sorted = ["1.2.8", "1.4.0-rc.2", "1.4.0-rc.3", "1.4.0", "1.4.1", "1.10.0"];
  expect(sorted.toReversed().toSorted((a, b) => compareVersions(version(a), version(b)))).toEqual(sorted);
  expect(compareVersions(version("7.0-rc3"), version("7.0"))).toBeLessThan(0);
  expect(parseVersion("none")).toBeUndefined();
});

const copyFail = { introduced: "4.14", fixed: ["5.15.204", "6.12.85", "6.18.22", "7.0"] };

test("each branch has its own point", () => {
  const states = ["4.4.300", "5.15.203", "5.15.204", "6.18.44-fc-v669", "6.18.21", "7.0.0-rc1", "7.1.2"].map((text) => fixState(version(text), copyFail));
  expect(states).toEqual(["fixed", "affected", "fixed", "fixed", "affected", "affected", "fixed"]);
});

test("a branch that is not named is unknown, or affected where all are named", () => {
  expect(fixState(version("6.13.1"), copyFail)).toBe("unknown");
  expect(fixState(version("6.13.1"), { ...copyFail, complete: true })).toBe("affected");
  expect(fixState(version("6.13.1"), { fixed: [] })).toBe("unknown");
});

test("of two points on one branch the later counts", () => {
  const twice = { fixed: ["5.15.205", "5.15.206", "7.0"] };
  expect([fixState(version("5.15.205"), twice), fixState(version("5.15.206"), twice)]).toEqual(["affected", "fixed"]);
});
