import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readInstalledEngines, runtimeProblems } from "./installed.ts";
import { readProgramState } from "./installed-programs.ts";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "pidbox-installed-"));
  mkdirSync(join(directory, "bin"));
  mkdirSync(join(directory, "lib/node_modules/pidbox/bin"), { recursive: true });
  for (const path of ["bin/docker", "bin/podman", "bin/good", "lib/node_modules/pidbox/bin/pidbox.js"]) writeFileSync(join(directory, path), "#!/bin/false\n", { mode: 0o755 });
  writeFileSync(join(directory, "bin/plain"), "text", { mode: 0o644 });
  writeFileSync(join(directory, "bin/open"), "text");
  chmodSync(join(directory, "bin/open"), 0o777);
  symlinkSync("../lib/node_modules/pidbox/bin/pidbox.js", join(directory, "bin/pidbox-oci"));
  symlinkSync("loop", join(directory, "bin/loop"));
});
afterAll(() => rmSync(directory, { recursive: true }));

describe("readProgramState()", () => {
  test("follows a link into node_modules", () => {
    expect(readProgramState(join(directory, "bin/pidbox-oci"), "")).toMatchObject({ found: true, executable: true, npmShim: true });
  });
  test("finds bare names in PATH, and nothing else", () => {
    expect(readProgramState("good", `${directory}/bin`)).toMatchObject({ path: `${directory}/bin/good`, found: true, npmShim: false });
    expect(readProgramState("good", "/proc/self/nothing").found).toBe(false);
    expect(readProgramState("bin/good", directory).found).toBe(false);
  });
  test("sees modes, directories and loops", () => {
    expect(readProgramState(join(directory, "bin/plain"), "")).toMatchObject({ found: true, executable: false });
    expect(readProgramState(join(directory, "bin/open"), "")).toMatchObject({ executable: true, writableByOthers: true });
    expect(readProgramState(directory, "")).toMatchObject({ found: true, executable: false });
    expect(readProgramState(join(directory, "bin/loop"), "")).toMatchObject({ found: false });
  });
});

describe("readInstalledEngines()", () => {
  const problems = (source: string): string[] => {
    mkdirSync(join(directory, "config/docker"), { recursive: true });
    const path = join(directory, "config/docker/daemon.json");
    writeFileSync(path, source);
    const engines = readInstalledEngines({ path: join(directory, "bin"), configHome: join(directory, "config"), runtime: "/usr/local/bin/pidbox-oci" });
    const docker = engines.find((engine) => engine.name === "docker");
    return docker?.problems.filter((p) => p.path === path && p.severity === "wrong").map((p) => `${p.key ?? ""} ${p.found}`) ?? ["docker was not found"];
  };

  test("finds what is wrong with Docker's runtimes", () => {
    const runtimes = {
      missing: { path: "/proc/self/nothing/pidbox-oci" }, shim: { path: join(directory, "bin/pidbox-oci") },
      plain: { path: join(directory, "bin/plain") }, shimless: { runtimeType: "io.containerd.runc.v2" },
    };
    const found = problems(JSON.stringify({ runtimes, "default-runtime": "absent" }));
    expect(found).toContain("runtimes.missing.path /proc/self/nothing/pidbox-oci: not there");
    expect(found).toContain(`runtimes.shim.path ${directory}/bin/pidbox-oci: in node_modules`);
    expect(found).toContain(`runtimes.plain.path ${directory}/bin/plain: not executable`);
    expect(found).toContain("default-runtime absent");
    expect(found.filter((line) => line.includes("shimless"))).toEqual([]);
  });

  test("says nothing is wrong where the default runtime is named or built in", () => {
    expect(problems(JSON.stringify({ "default-runtime": "runc" }))).toEqual([]);
    expect(problems(JSON.stringify({ "default-runtime": "kata", runtimes: { kata: { runtimeType: "io.containerd.kata.v2" } } }))).toEqual([]);
  });

  test("reports a file that is not JSON, once", () => {
    expect(problems("{ \"icc\": false, }")).toHaveLength(1);
    expect(problems("[]")).toEqual([" Cannot read daemon.json: expected an object at the top"]);
  });
});

test("readInstalledEngines() misses only the runtime that podman is told to use", () => {
  const configHome = join(directory, "podman");
  mkdirSync(join(configHome, "containers"), { recursive: true });
  const path = join(configHome, "containers/containers.conf");
  writeFileSync(path, '[engine]\nruntime = "pidbox"\n[engine.runtimes]\npidbox = ["/proc/self/nothing/pidbox-oci"]\nkata = ["/proc/self/nothing/kata"]\n');
  const podman = readInstalledEngines({ path: join(directory, "bin"), configHome, runtime: "/usr/local/bin/pidbox-oci" }).find((engine) => engine.name === "podman");
  expect(podman?.configs).toContain(path);
  expect(podman?.problems.filter((p) => p.path === path).map((p) => p.key)).toEqual(["engine.runtimes.pidbox"]);
});

test("runtimeProblems() quotes paths in commands to paste", () => {
  const state = { path: "/opt/a; rm -rf b", found: true, executable: false, writableByOthers: false, npmShim: false };
  expect(runtimeProblems("/etc/docker/daemon.json", { name: "x", paths: [state.path], key: "runtimes.x.path" }, [state])[0]?.remedy).toBe("sudo chmod 0755 '/opt/a; rm -rf b'");
});
