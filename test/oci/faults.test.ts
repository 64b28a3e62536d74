/**
 * Invariant: every op of `create`, `run` and `exec` may fail, and nothing stays behind: no process, cgroup, mount, namespace, state, or pid file. A container
 * in which an exec fails lives on. The pattern is that of test/e2e/faults.test.ts.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Report, Variant } from "../e2e/faults-driver.ts";
import { isolated } from "../e2e/isolation.ts";
import type { Config, Hook, Hooks } from "../../src/spec/runtime-config.ts";
import { needs } from "../parts.ts";
import { configOf, OciScene, ownUsers } from "./scene.ts";
import type { Change } from "./scene.ts";
import { PIDBOX_OCI } from "./runtime.ts";

/** In the tmpfs that isolation.ts puts at /run/pidbox. */
const [STATE, PIDS, SOCKET] = ["/run/pidbox/oci", "/run/pidbox/pids", "/run/pidbox/socket"];
/** Some hierarchies have no cgroup of the test's own. */
const [NAME, HELD] = [`faults-${process.pid}-{n}`, `faults-${process.pid}`];
const scene = new OciScene();
// A copy, for a build that replaces the original meanwhile is nobody's fault.
const program = join(scene.directory, "pidbox-oci");
beforeAll(() => copyFileSync(PIDBOX_OCI, program));
afterAll(() => scene[Symbol.dispose]());

function bundle(name: string, config: Config): string {
  const path = join(scene.directory, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "config.json"), JSON.stringify({ ...config, root: { path: scene.rootfs } }));
  return path;
}

const hook: Hook = { path: "/bin/true", args: ["true"], env: ["A=b"], timeout: 20 };
const HOOKS: Hooks = { prestart: [hook], createRuntime: [hook, hook], createContainer: [hook], startContainer: [hook], poststart: [hook], poststop: [hook] };

/** A container that asks for much: hooks of all kinds, a label of its own for each file, limits, another user, sysctls. */
const RICH: Change = {
  config: { hooks: HOOKS, annotations: { "a.b": "c" } },
  process: {
    user: { uid: 1000, gid: 1000, additionalGids: [5, 29], umask: 0o27 }, oomScoreAdj: 100, rlimits: [{ type: "RLIMIT_NOFILE", soft: 100, hard: 200 }],
    cwd: "/srv/new",
  },
  linux: {
    maskedPaths: ["/proc/kcore", "/sys/firmware", "/nowhere"], readonlyPaths: ["/proc/sys", "/nowhere"], sysctl: { "net.ipv4.ip_forward": "0" },
    resources: { devices: [{ allow: true, access: "rwm" }], pids: { limit: 100 }, memory: { limit: 2 ** 26 } },
    seccomp: { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO" }] },
  },
};

/** PID 1 that takes what a killed exec leaves to it. */
const REAPS = "while :; do sleep 1000; done";

function failEachOp(variant: Variant): Report {
  const { out } = isolated([process.execPath, join(import.meta.dir, "../e2e/faults-driver.ts"), JSON.stringify(variant)], {
    name: "oci-faults", cwd: scene.directory, prepare: `mkdir -p ${PIDS}`,
  });
  return JSON.parse(out) as Report;
}

function check(report: Report): void {
  expect(report.problems).toEqual([]);
  expect(report.always).toBeGreaterThan(0.6 * report.starts);
  expect(report.cleanUp).toBeLessThan(130);
}

const frame = {
  explain: ["--explain"], state: { root: "/run/pidbox", folders: ["oci", "pids"] }, failure: 1, terminal: false,
  pidFile: `${PIDS}/{n}`,
} as const;
const oci = (...words: readonly string[]): string[] => [program, "--root", STATE, ...words];

function create(path: string, options: readonly string[] = []): Variant {
  return {
    ...frame, command: oci("create"), rest: [...options, "--pid-file", `${PIDS}/{n}`, "--bundle", path, NAME],
    later: { start: oci("start", NAME), state: oci("state", NAME), delete: oci("delete", NAME) },
  };
}

function run(path: string, options: readonly string[] = []): Variant {
  return { ...frame, command: oci("run"), rest: [...options, "--pid-file", `${PIDS}/{n}`, "--bundle", path, NAME] };
}

function exec(path: string, options: readonly string[] = []): Variant {
  return {
    ...frame, command: oci("exec"), rest: [...options, "--pid-file", `${PIDS}/{n}`, HELD, "/bin/true"], failure: 255,
    around: { before: oci("run", "--detach", "--bundle", path, HELD), after: oci("delete", "--force", HELD) },
  };
}

describe("each op that fails", () => {
  needs("root", "busybox")("leaves nothing of `create` and `start` with hooks", () => check(failEachOp(create(bundle("rich", configOf("true", RICH))))));

  needs("root", "busybox")("leaves nothing of `create` and `start` with a console socket and users of its own", () => {
    const config = configOf("true", { process: { terminal: true, noNewPrivileges: false }, linux: { ...RICH.linux, ...ownUsers(100_000) } });
    check(failEachOp({ ...create(bundle("console", config), ["--console-socket", SOCKET]), sockets: [SOCKET] }));
  });

  needs("root", "busybox")("leaves nothing of `run` with hooks", () => check(failEachOp(run(bundle("run", configOf("true", RICH))))));

  needs("root", "busybox")("leaves nothing of `run` with a terminal", () => {
    const config = configOf("true", { process: { terminal: true }, linux: { ...configOf("").linux, ...ownUsers(100_000) } });
    check(failEachOp({ ...run(bundle("terminal", config)), terminal: true }));
  });

  needs("root", "busybox")("leaves the container as it was after `exec`", () => check(failEachOp(exec(bundle(HELD, configOf(REAPS, RICH))))));

  needs("root", "busybox")("leaves the container as it was after `exec` with a terminal, in a user namespace", () => {
    const config = configOf(REAPS, { linux: { ...RICH.linux, ...ownUsers(100_000) }, process: { noNewPrivileges: false } });
    check(failEachOp({ ...exec(bundle("users", config), ["--tty"]), terminal: true }));
  });
});
