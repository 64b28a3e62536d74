import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readdirSync, readFileSync } from "node:fs";
import { PidboxError } from "../../src/base/error.ts";
import { editCapabilities } from "../../src/spec/capability-list.ts";
import { parseEnvFile } from "../../src/spec/env-file.ts";
import { parseMountOptions } from "../../src/spec/mount-options.ts";
import { parseContainerId, parseHostname, parseName } from "../../src/spec/name.ts";
import { parseSize } from "../../src/spec/size.ts";
import { sysctlPath } from "../../src/spec/sysctl.ts";
import { parseUlimit } from "../../src/spec/ulimit.ts";
import { lookupUser, parseUserArgument } from "../../src/spec/user.ts";
import { decodeConfig, parseConfig, validateConfig } from "../../src/spec/validate.ts";
import { parseDevice, parseMount, parseTmpfs, parseVolume } from "../../src/spec/volume.ts";
import { randomPointer, replaceAt } from "./spec-mutation.ts";

const FIXTURES = new URL("../fixtures/config/", import.meta.url).pathname;
const CONFIGS = readdirSync(FIXTURES).filter((n) => n.endsWith(".json")).map((n) => readFileSync(FIXTURES + n, "utf8"));

/** The value, or undefined for an error of ours; anything else that is thrown is a failure. */
function onlyOurs<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof PidboxError && error.code !== "DEFECT") return undefined;
    throw error;
  }
}

// Words that the grammars know, so that random text gets past the first check.
const word = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom(
    "ro", "rw", "/a", "..", "type=bind", "src=/a", "dst=/b", "size=1m", "mode=755", "nofile", "-1", "0", "18446744073709551616", "bob",
    "root", "ALL", "CAP_KILL", "A=b", '"', "\0", "net", "kernel", "__proto__", "1e9", "0x1",
  ),
);
const words = fc.array(fc.tuple(word, fc.constantFrom("", ":", ",", "=", ".", "/", "\n", "\r\n", "#")), { maxLength: 8 }).map((parts) => parts.flat().join(""));

describe("any input", () => {
  test("validateConfig() gives violations for any JSON value and never throws", () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      for (const v of validateConfig(value)) expect(v.pointer === "" || v.pointer.startsWith("/")).toBe(true);
    }), { numRuns: 500 });
  });

  test("parseConfig() gives a config or our error for any bytes and any text", () => {
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json(), words), (input) => void onlyOurs(() => parseConfig(input))), { numRuns: 500 });
  });

  test("parseConfig() gives a config or our error for real configs with damaged bytes", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CONFIGS),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
        (text, damage) => {
          const bytes = new TextEncoder().encode(text);
          for (const [at, byte] of damage) bytes[at % bytes.length] = byte;
          onlyOurs(() => parseConfig(bytes));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("a config that was accepted is accepted again, unchanged, and holds no NUL byte", () => {
    fc.assert(fc.property(fc.constantFrom(...CONFIGS), fc.infiniteStream(fc.nat()), fc.jsonValue({ maxDepth: 2 }), (text, random, value) => {
      const config: unknown = JSON.parse(text);
      replaceAt(config, randomPointer(config, random), value);
      const first = decodeConfig(config);
      if (first.value === undefined) return expect(first.violations.some((v) => v.level === "MUST")).toBe(true);
      const again = decodeConfig(structuredClone(first.value));
      expect(JSON.stringify(again.value)).toBe(JSON.stringify(first.value));
      return expect(JSON.stringify(first.value)).not.toContain("\\u0000");
    }), { numRuns: 1000 });
  });

  const PARSERS: Record<string, (text: string) => unknown> = {
    parseSize: (t) => parseSize(t, "-m"),
    parseUlimit,
    parseName,
    parseContainerId,
    parseHostname,
    parseVolume,
    parseMount,
    parseTmpfs,
    parseDevice,
    parseUserArgument,
    sysctlPath,
    parseEnvFile: (t) => parseEnvFile(t, { A: "b" }),
    parseMountOptions: (t) => parseMountOptions(t.split(",")),
    editCapabilities: (t) => editCapabilities(["CAP_KILL"], t.split(","), [t]),
    lookupUser: (t) => lookupUser(t, t, { user: { name: "bob" }, group: undefined }),
  };
  for (const [name, parse] of Object.entries(PARSERS)) {
    test(`${name}() gives a value or our error for any text`, () => fc.assert(fc.property(words, (text) => void onlyOurs(() => parse(text))), { numRuns: 300 }));
  }

  test("no destination of a flag leaves the container's root or names it", () => {
    const destination = fc.array(fc.constantFrom("..", ".", "", "a", "b c"), { maxLength: 6 }).map((p) => `/${p.join("/")}`);
    fc.assert(fc.property(destination, (path) => {
      const found = onlyOurs(() => parseMount(`type=tmpfs,dst=${path}`));
      if (found !== undefined) expect(found.destination).toMatch(/^(\/[^/]+)+$/);
      expect(found?.destination.split("/").includes("..") ?? false).toBe(false);
    }));
  });

  test("no sysctl name leaves /proc/sys", () => {
    const name = fc.array(fc.constantFrom(".", "/", "..", "net", "kernel", "a"), { maxLength: 8 }).map((p) => p.join(""));
    fc.assert(fc.property(name, (text) => {
      const path = sysctlPath(text);
      expect(path === undefined || new URL(path, "file:///proc/sys/").pathname === `/proc/sys/${path}`).toBe(true);
    }));
  });
});
