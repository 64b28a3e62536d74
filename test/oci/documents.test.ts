/** spec, features, checkpoint and restore: what they say, against runc and the specification's schemas. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { HOOK_PHASES } from "../../src/spec/validate-process.ts";
import { needs } from "../parts.ts";
import { schemaErrors } from "../conformance/schema.ts";
import { messageOf, PIDBOX_OCI, RUNC, run } from "./runtime.ts";

function inDirectory<T>(use: (directory: string) => T): T {
  const directory = mkdtempSync("/tmp/pidbox-documents-");
  try {
    return use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface Spec {
  ociVersion: string;
  hostname: string;
  process: { capabilities: { ambient?: unknown } };
  linux: { maskedPaths: string[] };
}

function specOf(program: string, ...words: readonly string[]): Spec {
  return inDirectory((directory) => {
    expect(run(program, ["spec", ...words], { cwd: directory })).toEqual({ code: 0, out: "", err: "" });
    return JSON.parse(readFileSync(join(directory, "config.json"), "utf8")) as Spec;
  });
}

describe("spec", () => {
  for (const words of [[], ["--rootless"]]) {
    needs("runc")(`${words.join(" ")} writes runc's example, but for what newer versions of it have changed`, () => {
      const [theirs, ours] = [specOf(RUNC, ...words), specOf(PIDBOX_OCI, ...words)];
      delete theirs.process.capabilities.ambient;
      theirs.linux.maskedPaths.push("/sys/devices/virtual/tpm");
      expect(ours).toEqual({ ...theirs, ociVersion: "1.3.0", hostname: "pidbox" });
    });
  }
  needs("runc")("puts it in the bundle that is named, byte for byte indented as runc's, and overwrites nothing", () => {
    inDirectory((directory) => {
      mkdirSync(`${directory}/b`);
      expect(run(PIDBOX_OCI, ["spec", "-b", "b"], { cwd: directory }).code).toBe(0);
      const text = readFileSync(`${directory}/b/config.json`, "utf8");
      expect(text).toStartWith('{\n\t"ociVersion": "1.3.0",\n\t"process": {\n\t\t"terminal": true,');
      expect(text).toEndWith("\n}");
      for (const program of [RUNC, PIDBOX_OCI]) {
        const { code, err } = run(program, ["spec", "--bundle", `${directory}/b`]);
        expect([code, messageOf(err)]).toEqual([1, "File config.json exists. Remove it first"]);
        expect(run(program, ["spec", "-b", `${directory}/absent`]).code).toBe(1);
        expect(run(program, ["spec", "x"]).code).toBe(1);
      }
      expect(readFileSync(`${directory}/b/config.json`, "utf8")).toBe(text);
    });
  });
});

interface Features {
  hooks: string[];
  mountOptions: string[];
  linux: { namespaces: string[]; capabilities: string[]; seccomp: Record<"actions" | "operators" | "archs" | "knownFlags" | "supportedFlags", string[]> };
}

describe("features", () => {
  test("is what the schema of the specification asks for", () => {
    const { code, out, err } = run(PIDBOX_OCI, ["features"]);
    expect([code, err]).toEqual([0, ""]);
    expect(schemaErrors("features-schema.json", JSON.parse(out))).toEqual([]);
    const found = JSON.parse(out) as Features;
    expect(found.hooks).toEqual([...HOOK_PHASES]);
    for (const list of [found.mountOptions, found.linux.namespaces, found.linux.seccomp.actions]) expect(list).toEqual([...list].sort());
    for (const flag of found.linux.seccomp.supportedFlags) expect(found.linux.seccomp.knownFlags).toContain(flag);
  });
  needs("runc")("has all that runc has, but for what the new mount API has no word for", () => {
    const [theirs, ours] = [RUNC, PIDBOX_OCI].map((program) => JSON.parse(run(program, ["features"]).out) as Features);
    const lacking = (of: (features: Features) => string[]): string[] => of(theirs as Features).filter((word) => !of(ours as Features).includes(word));
    expect(lacking((f) => f.mountOptions)).toEqual(["acl", "noacl"]);
    for (const of of [
      (f: Features) => f.hooks, (f: Features) => f.linux.namespaces, (f: Features) => f.linux.capabilities, (f: Features) => f.linux.seccomp.actions,
      (f: Features) => f.linux.seccomp.operators, (f: Features) => f.linux.seccomp.archs,
    ]) expect(lacking(of)).toEqual([]);
  });
  test("says that there is no checkpoint, and checkpoint and restore say so", () => {
    const { annotations } = JSON.parse(run(PIDBOX_OCI, ["features"]).out) as { annotations: Record<string, string> };
    expect(annotations["org.opencontainers.runc.checkpoint.enabled"]).toBe("false");
    for (const words of [["checkpoint", "--image-path", "/x", "--leave-running", "c1"], ["restore", "-d", "--bundle", "/x", "c1"]]) {
      const { code, out, err } = run(PIDBOX_OCI, words);
      expect([code, out]).toEqual([1, ""]);
      expect(messageOf(err)).toStartWith(`${words[0]} is not supported by pidbox-oci`);
    }
  });
});

test("--version prints the three lines that go-runc reads", () => {
  for (const word of ["--version", "-v"]) {
    const { code, out, err } = run(PIDBOX_OCI, [word]);
    expect([code, err]).toEqual([0, ""]);
    // parseVersion of containerd/go-runc: three lines, each with one of its separators.
    expect(out).toMatch(/^pidbox-oci version \d+\.\d+\.\d+\ncommit: \S+\nspec: 1\.3\.0\n$/);
  }
});
