/** Properties of the parsers and decisions behind doctor: any bytes give an answer or our own error. */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { PidboxError } from "../../src/base/error.ts";
import { parseContainerdConfig, parseCrioConfig, parseDockerConfig, parsePodmanConfig } from "../../src/engine/installed-config.ts";
import { PROBE_CALLS, PROBE_FILES, PROBE_NAMESPACES, PROBE_PATHS, shellWord } from "../../src/kernel/feature-facts.ts";
import type { FeatureFacts } from "../../src/kernel/feature-facts.ts";
import { parseIdRanges } from "../../src/kernel/feature-identity.ts";
import { apparmorProfile } from "../../src/kernel/feature-namespaces.ts";
import { judgeFeatures } from "../../src/kernel/features.ts";
import { compareKernel, parseKernelRelease } from "../../src/kernel/release.ts";
import { doctorText, readiness } from "../../src/verbs/doctor-report.ts";
import { BLIND } from "../fixtures/doctor/hosts.ts";

const RUNS = process.env["PIDBOX_FUZZ"] === "smoke" ? 100 : 1000;

function onlyOurs(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    expect(error).toBeInstanceOf(PidboxError);
  }
}

test("parseKernelRelease() gives back the numbers it was given, or PARSE", () => {
  const n = fc.integer({ min: 0, max: 99999 });
  fc.assert(fc.property(n, n, n, fc.constantFrom("", "-rc1", "+", "-generic", ".el9"), (a, b, c, suffix) => {
    const release = parseKernelRelease(`${a}.${b}.${c}${suffix === ".el9" ? "-1.el9" : suffix}`);
    expect([release.major, release.minor, release.patch]).toEqual([a, b, c]);
  }));
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => onlyOurs(() => parseKernelRelease(text))));
});

test("compareKernel() is an order", () => {
  const version = fc.tuple(fc.nat(), fc.nat());
  fc.assert(fc.property(version, version, version, (a, b, c) => {
    expect(Math.sign(compareKernel(a, b))).toBe(0 - Math.sign(compareKernel(b, a)) || 0);
    if (compareKernel(a, b) <= 0 && compareKernel(b, c) <= 0) expect(compareKernel(a, c)).toBeLessThanOrEqual(0);
  }));
});

test("engine configurations of any bytes give a config or PARSE", () => {
  const value = fc.oneof(fc.json(), fc.string({ unit: "binary" }), fc.json().map((json) => `{"runtimes":${json},"hosts":${json},"default-runtime":${json}}`));
  const entry = fc.tuple(fc.constantFrom("engine", "plugins", "crio.runtime", "crio"), fc.string(), fc.json());
  const tables = entry.map(([table, key, json]) => `[${table}]\n${JSON.stringify(key)} = ${json}\nruntimes = ${json}\n`);
  const toml = fc.oneof(fc.string({ unit: "binary" }), tables);
  fc.assert(fc.property(value, (source) => onlyOurs(() => parseDockerConfig(source))), { numRuns: RUNS });
  fc.assert(fc.property(toml, (source) => {
    for (const parse of [parsePodmanConfig, parseContainerdConfig, parseCrioConfig]) onlyOurs(() => parse(source));
  }), { numRuns: RUNS });
});

test("parseIdRanges() keeps every range inside 32 bits", () => {
  const line = fc.tuple(fc.constantFrom("ann", "1000", "", "bob"), fc.nat({ max: 2 ** 33 }), fc.nat({ max: 2 ** 33 })).map((fields) => fields.join(":"));
  fc.assert(fc.property(fc.array(fc.oneof(line, fc.string())), (lines) => {
    for (const range of parseIdRanges(lines.join("\n"), { name: "ann", uid: 1000 })) {
      expect(range.count).toBeGreaterThan(0);
      expect(range.start + range.count).toBeLessThanOrEqual(0xffffffff);
    }
  }));
});

test("shellWord() is one word of sh, whatever the text", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !text.includes("\0")), (text) => {
    const child = Bun.spawnSync(["sh", "-c", `printf %s ${shellWord(text)}`]);
    expect(child.stdout.toString()).toBe(text);
  }), { numRuns: 40 });
});

test("apparmorProfile() stays one profile with one quoted path", () => {
  fc.assert(fc.property(fc.string().filter((text) => !/[\u0000-\u001f]/.test(text)), (path) => {
    const lines = apparmorProfile(path).split("\n");
    expect(lines).toHaveLength(7);
    expect(lines[2]).toMatch(/^profile pidbox "(?:[^"\\]|\\.)*" flags=\(unconfined\) \{$/);
  }));
});

test("judgeFeatures() and doctorText() take any facts, and print no control character", () => {
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("0\n", "1\n", "2\n", "Y\n", "unconfined\n", "CapEff:\tzz\nSeccomp:\t2\n", "27 1 254:1 / / rw - ext4 x rw\n"));
  const result = fc.oneof(fc.integer({ min: -133, max: 0 }), fc.constantFrom(-38, -22, -1, 0, 7));
  const reading = fc.oneof(text, result);
  const all = <K extends string, V>(keys: readonly K[], value: fc.Arbitrary<V>): fc.Arbitrary<Record<K, V>> =>
    fc.array(value, { minLength: keys.length, maxLength: keys.length })
      .map((values) => Object.fromEntries(keys.map((key, i) => [key, values[i]])) as Record<K, V>);
  const controllers = fc.oneof(fc.array(text, { maxLength: 3 }), result);
  const place = fc.record({ version: fc.constantFrom(1 as const, 2 as const), directory: text, controllers, writable: result });
  const facts: fc.Arbitrary<FeatureFacts> = fc.record({
    effectiveUid: fc.constantFrom(0, 1000), executable: text,
    calls: all(PROBE_CALLS, result), files: all(PROBE_FILES, reading), paths: all(PROBE_PATHS, result),
    namespaces: all(PROBE_NAMESPACES, reading), lsmIds: fc.oneof(fc.array(fc.nat(120), { maxLength: 6 }), result), cgroups: fc.array(place, { maxLength: 3 }),
    vulnerabilities: fc.oneof(fc.dictionary(text, text, { maxKeys: 3 }), result), idmapPaths: fc.array(text, { maxLength: 2 }),
  }).map((some) => ({ ...BLIND, ...some }));
  fc.assert(fc.property(facts, (host) => {
    const features = judgeFeatures(host);
    const ready = readiness(features, []);
    const shown = doctorText({ ready, kernel: host.release.text, effectiveUid: host.effectiveUid, features, directories: [], engines: [] });
    expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  }), { numRuns: RUNS });
});
