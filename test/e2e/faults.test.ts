/**
 * Invariant: every op of a plan may fail, and nothing stays behind: no process, cgroup, mount, namespace or state file. One start for each op, of the
 * supervisor and of the container. The ops of the clean-up after a failure are the exception: errors there are passed over, so a fault is not injected.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../parts.ts";
import { fates } from "./faults-driver.ts";
import type { Report, Variant } from "./faults-driver.ts";
import { isolated } from "./isolation.ts";
import { daily } from "./traces.ts";

const ROOT = join(import.meta.dir, "../..");
const NOBODY = 65534;
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pidbox-faults-"));
  chmodSync(folder, 0o755);
  // A copy, for a build that replaces the original meanwhile is nobody's fault.
  copyFileSync(join(ROOT, "dist/pidbox"), join(folder, "pidbox"));
  mkdirSync(join(folder, "rootfs/bin"), { recursive: true });
  copyFileSync("/bin/busybox", join(folder, "rootfs/bin/busybox"));
  symlinkSync("busybox", join(folder, "rootfs/bin/true"));
  mkdirSync(join(folder, "data"));
  writeFileSync(join(folder, "one.conf"), "one\n");
  mkdirSync(join(folder, "runtime"), { mode: 0o700 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the driver, which fails each op of the plan once. */
function failEachOp(argv: readonly string[], options: { terminal?: boolean; rootless?: boolean } = {}): Report {
  const rootless = options.rootless === true;
  if (rootless) chownSync(join(folder, "runtime"), NOBODY, NOBODY);
  const [verb = "", ...rest] = argv;
  const variant: Variant = {
    command: [join(folder, "pidbox"), verb], rest, explain: ["--explain", "--format=json"], terminal: options.terminal ?? false, failure: 125,
    state: daily(rootless ? join(folder, "runtime/pidbox") : "/run/pidbox"),
  };
  const { out } = isolated([process.execPath, join(import.meta.dir, "faults-driver.ts"), JSON.stringify(variant)], {
    name: "faults", cwd: folder, env: { XDG_RUNTIME_DIR: join(folder, "runtime") }, ...(rootless ? { uid: NOBODY } : {}),
  });
  return JSON.parse(out) as Report;
}

function check(report: Report): void {
  expect(report.problems).toEqual([]);
  // Else the test would pass for plans that it cannot read: most ops run in every start, and few are clean-up.
  expect(report.always).toBeGreaterThan(0.6 * report.starts);
  expect(report.cleanUp).toBeLessThan(30);
}

describe("each op that fails", () => {
  needs("root")("leaves nothing of `do true`", () => check(failEachOp(["do", "true"])), 120_000);

  needs("root", "busybox")("leaves nothing of `run dir:ROOTFS`", () => check(failEachOp(["run", "--rm", `dir:${folder}/rootfs`, "/bin/true"])), 120_000);

  needs("root", "busybox")("leaves nothing of a container with a terminal, volumes, limits, sysctls and another user", () => check(failEachOp([
    "run", "--rm", "-i", "--tty=force", "-v", `${folder}/data:/data:ro`, "-v", `${folder}/one.conf:/etc/one.conf`, "--tmpfs", "/scratch",
    "--sysctl", "net.ipv4.ip_unprivileged_port_start=80", "-u", "1000:1000", "--cap-drop", "ALL", "--cap-add", "KILL", "--hostname", "h", "-m", "64m",
    "--pids-limit", "16", "--read-only", "-w", "/data", `dir:${folder}/rootfs`, "/bin/true",
  ], { terminal: true })), 120_000);

  needs("root", "busybox")("leaves nothing of a container with published ports", () => check(failEachOp([
    "run", "--rm", "-p", "80", "-p", "127.0.0.1::81-82", `dir:${folder}/rootfs`, "/bin/true",
  ])), 240_000);

  needs("root", "busybox")("leaves nothing of a container with published ports without privileges", () => check(failEachOp([
    "run", "--rm", "--allow-degraded=cgroups", "-p", "80", `dir:${folder}/rootfs`, "/bin/true",
  ], { rootless: true })), 240_000);

  needs("root")("leaves nothing of `do true` without privileges", () => check(failEachOp(["do", "--allow-degraded=cgroups", "true"], { rootless: true })), 120_000);
});

describe("fates()", () => {
  const plan = (onFailure: number, ...does: readonly string[]): ReturnType<typeof fates> => fates({
    onFailure, ops: does.map((text, index) => ({ index, does: text })),
  });

  test("tells the ops that a jump may skip", () => {
    expect(plan(9, "a()", "if r9 is an error, go to 4", "b()", "c()", "d()")).toEqual(["always", "always", "perhaps", "perhaps", "always"]);
    expect(plan(9, "for each of 0 texts in r9, up to 2: ", "a()", "b()")).toEqual(["always", "perhaps", "always"]);
    expect(plan(9, 'for each of 1 texts in r9, up to 2: "x"', "a()", "b()")).toEqual(["always", "always", "always"]);
  });

  test("tells the ops after an end, a clone and a fork", () => {
    expect(plan(9, "if r9 is not 0, go to 3", "a()", "exit(0)", "b()", "exit(r9)", "c()")).toEqual(["always", "perhaps", "perhaps", "perhaps", "perhaps", "never"]);
    expect(plan(2, "clone3(CLONE_NEWNS), child goes on at 4", "exit(0)", "a()", "exit(125)", "b()", "execve the first", "exit(125)")).toEqual(
      ["always", "always", "cleanUp", "cleanUp", "always", "always", "never"],
    );
    expect(plan(9, "clone3()", "if r9 is not 0, go to 4", "a()", "exit(0)", "b()")).toEqual(["always", "always", "perhaps", "perhaps", "always"]);
  });
});
