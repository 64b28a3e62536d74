import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEBIAN_12, HYBRID_ROOT, UBUNTU_2404, changed } from "../../test/fixtures/doctor/hosts.ts";
import { PidboxError } from "../base/error.ts";
import { registration } from "../engine/installed-registration.ts";
import type { FeatureFacts } from "../kernel/feature-facts.ts";
import { judgeFeatures } from "../kernel/features.ts";
import { doctor } from "./doctor.ts";
import { directoryPaths, judgeExisting, readDirectories } from "./doctor-directories.ts";
import type { DirectoryReport } from "./doctor-directories.ts";
import { doctorText, readiness } from "./doctor-report.ts";
import type { DoctorReport } from "./doctor-report.ts";
import type { Arguments, Context } from "./verb.ts";

const STATE: DirectoryReport = { use: "state", path: "/run/pidbox", exists: true, usable: "yes" };

function report(facts: FeatureFacts, directories: readonly DirectoryReport[] = [STATE]): DoctorReport {
  const features = judgeFeatures(facts);
  return { ready: readiness(features, directories), kernel: facts.release.text, effectiveUid: facts.effectiveUid, features, directories, engines: [] };
}

describe("directoryPaths()", () => {
  test("uses system directories for root whatever the environment says", () => {
    expect(directoryPaths(0, { XDG_RUNTIME_DIR: "/tmp/x", HOME: "/root" })).toEqual({ state: "/run/pidbox", data: "/var/lib/pidbox", config: "/etc/pidbox" });
  });
  test("follows XDG for others and ignores relative values", () => {
    expect(directoryPaths(1000, { XDG_RUNTIME_DIR: "/run/user/1000", XDG_DATA_HOME: "data", HOME: "/home/ann" })).toEqual({
      state: "/run/user/1000/pidbox", data: "/home/ann/.local/share/pidbox", config: "/home/ann/.config/pidbox",
    });
    expect(directoryPaths(1000, {})).toEqual({ state: undefined, data: undefined, config: undefined });
  });
});

describe("readDirectories()", () => {
  let base = "";
  const uid = process.geteuid?.() ?? 0;
  // As for a rootless user, so that the environment names the places; files belong to whoever runs the test.
  const look = (environment: Record<string, string>, owner = 4242): DirectoryReport | undefined => readDirectories(owner, environment)[0];
  beforeAll(() => void (base = mkdtempSync(join(tmpdir(), "pidbox-doctor-"))));
  afterAll(() => rmSync(base, { recursive: true }));

  test("says what to set where there is no runtime directory", () => {
    expect(look({})).toMatchObject({ use: "state", path: null, usable: "no", reason: "XDG_RUNTIME_DIR is not set to an absolute path" });
  });
  test("accepts a directory that can be made, and makes none", () => {
    expect(look({ XDG_RUNTIME_DIR: base })).toMatchObject({ exists: false, usable: "yes" });
    expect(readdirSync(base)).toEqual([]);
  });
  test("refuses a directory of somebody else, a file, and a loop", () => {
    mkdirSync(join(base, "a/pidbox"), { recursive: true });
    mkdirSync(join(base, "b"));
    writeFileSync(join(base, "b/pidbox"), "");
    mkdirSync(join(base, "c"));
    symlinkSync("pidbox", join(base, "c/pidbox"));
    expect(look({ XDG_RUNTIME_DIR: join(base, "a") })).toMatchObject({ usable: "no", reason: `it belongs to uid ${uid}, not to this user` });
    expect(look({ XDG_RUNTIME_DIR: join(base, "b") })).toMatchObject({ usable: "no", reason: "it is not a directory" });
    expect(look({ XDG_RUNTIME_DIR: join(base, "c") })).toMatchObject({ usable: "unknown", reason: "looking at it gave ELOOP" });
  });
  test("refuses a directory of one's own that others may write to", () => {
    chmodSync(base, 0o777);
    expect(judgeExisting(base, uid, { mode: 0o040777, uid })).toMatchObject({ usable: "no", reason: "group or others may write to it", remedy: `chmod go-w ${base}` });
    chmodSync(base, 0o700);
    expect(judgeExisting(base, uid, { mode: 0o040700, uid })).toEqual({ usable: "yes" });
  });
});

describe("doctorText()", () => {
  test("ends with the verdict and gives the profile line by line", () => {
    const text = doctorText(report(UBUNTU_2404));
    expect(text).toEndWith("Missing for do and run: user namespaces for this caller, pids limits for this caller, memory limits for this caller.\n");
    expect(text).toContain("    profile pidbox \"/usr/local/bin/pidbox\" flags=(unconfined) {\n      userns,\n");
    expect(doctorText(report(HYBRID_ROOT))).toEndWith("Everything that do and run need is here.\n");
  });
  test("counts unknown as not ready", () => {
    const blind = changed(HYBRID_ROOT, { calls: { "clone3-new-user": -11 } });
    expect(report(blind).ready).toBe("unknown");
    expect(doctorText(report(blind))).toEndWith("Could not tell for do and run: user namespaces for this caller.\n");
    expect(report(HYBRID_ROOT, [{ ...STATE, usable: "no" }]).ready).toBe("no");
  });
  test("lets no control character of the host through", () => {
    const hostile = changed(DEBIAN_12, {
      executable: "/opt/\u001b[2Jx", files: { "/proc/self/attr/apparmor/current": "a\u001b]0;x\u0007\u202e", "/proc/filesystems": "nodev\t\u001b[31m\n" },
      cgroups: [{ version: 2, directory: "/sys/fs/cgroup/\u001b[1m\nrm -rf x", controllers: ["\u009b31m"], writable: -13 }], rest: { vulnerabilities: { "\u001bx": "Vulnerable\u001b" } },
    });
    expect(doctorText(report(hostile))).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    const restricted = changed(UBUNTU_2404, { executable: "/opt/a\nEOF\nrm -rf x" });
    expect(doctorText(report(restricted))).not.toContain("rm -rf x");
  });
});

describe("doctor.run()", () => {
  const args = (operands: readonly string[]): Arguments => ({ flag: () => false, value: () => undefined, values: () => [], operands });
  const context: Context = {
    environment: { PATH: "/usr/bin:/bin", HOME: "/proc/self/nothing" }, executable: "/usr/local/bin/pidbox", cwd: "/proc", argv: [],
    terminal: { stdin: false, stdout: false, stderr: false }, note: () => {}, write: () => 0,
  };
  test("exits by what is ready, with the same report as data and text", async () => {
    const outcome = await doctor.run(args([]), context);
    const data = outcome.data as DoctorReport;
    expect(outcome.exit).toBe({ yes: 0, no: 2, unknown: 3 }[data.ready]);
    expect(JSON.parse(JSON.stringify(data))).toMatchObject({ kernel: data.kernel, ready: data.ready });
    expect(outcome.text?.()).toContain("Needed by do and run\n");
  });
  test("asks about the filesystem of each operand, relative to the working directory", async () => {
    const { data } = await doctor.run(args(["self/..", "/proc/sys"]), context);
    const asked = (data as DoctorReport).features.filter((feature) => feature.name.startsWith("idmapped-mount:"));
    expect(asked.map((feature) => [feature.name, feature.answer])).toEqual([["idmapped-mount:/proc", "no"], ["idmapped-mount:/proc/sys", "no"]]);
  });
  test.each(["/proc/self/nothing", "a\0b"])("refuses the operand %j", (operand) => {
    expect(() => doctor.run(args([operand]), context)).toThrow(PidboxError);
  });
});

test("doctorText() says how to register the runtime with each engine, or that it is", () => {
  const engine = { name: "podman", programs: ["/usr/bin/podman"], configs: [], problems: [] };
  const text = (registered: readonly string[]): string => {
    const found = registration("podman", "/usr/local/bin/pidbox-oci", registered);
    return doctorText({ ...report(DEBIAN_12), engines: [{ ...engine, ...(found === undefined ? {} : { registration: found }) }] });
  };
  const lines = [
    "podman, in /etc/containers/containers.conf.d/pidbox.conf", "  [engine.runtimes]", '  pidbox = ["/usr/local/bin/pidbox-oci"]', "  [engine]",
    '  runtime_supports_json = ["crun", "runc", "kata", "runsc", "youki", "krun", "pidbox"]', "  # podman",
  ];
  expect(text([])).toContain(lines.map((line) => `  ${line}`).join("\n"));
  expect(text(["pidbox", "box\u001b"])).toContain("  podman: registered as pidbox, box\\x1b\n");
  expect(doctorText({ ...report(DEBIAN_12), engines: [engine] })).not.toContain("To run containers of an engine");
});
