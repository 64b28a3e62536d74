import { describe, expect, test } from "bun:test";
import { bundleScene, doScene, hostUsersScene, HYBRID, OWN_ID, ROOTLESS, rootlessScene, runScene, terminalScene, UNIFIED, withConfig } from "../../test/fixtures/plan/scenes.ts";
import type { Blueprint } from "./blueprint.ts";
import { compile } from "./compile.ts";
import { decodePlan } from "./decode.ts";
import { stepText } from "./explain.ts";
import type { HostFacts } from "./host-facts.ts";

interface Step {
  readonly from: string;
  readonly text: string;
}

/** The ops of the container, those after the supervisor's. */
function inside(blueprint: Blueprint, facts: HostFacts = HYBRID): Step[] {
  const plan = decodePlan(compile(blueprint, facts, { self: 3 }));
  const steps = plan.ops.map((op) => ({ from: op.from, text: stepText(plan, op).replace(/^ *\d+ {2}/, "") }));
  return steps.slice(plan.ops.find((op) => op.code === "CLONE")?.args[2]?.value ?? 0);
}

const indexOf = (steps: readonly Step[], text: RegExp): number => {
  const at = steps.findIndex((step) => text.test(step.text));
  expect([text.source, at >= 0]).toEqual([text.source, true]);
  return at;
};

describe("compile()", () => {
  test("gives the same bytes for the same input, other bytes for another fault", () => {
    expect(compile(doScene(), HYBRID, { self: 3 })).toEqual(compile(doScene(), HYBRID, { self: 3 }));
    const [plain, faulty] = [compile(doScene(), HYBRID, { self: 3 }), compile(doScene(), HYBRID, { self: 3, fault: 7 })];
    expect(plain.length).toBe(faulty.length);
    expect([...plain.keys()].filter((at) => plain[at] !== faulty[at])).toEqual([40, 41, 42, 43]);
  });

  test("orders the layers as they must be: root, mounts, read-only, masks, user, Landlock, descriptors, seccomp, exec", () => {
    const steps = inside(runScene());
    const order = [
      /^pivot_root/,
      /umount2\("\.", 2\)|umount2/,
      /fsopen\("mqueue"\)/,
      /PR_CAPBSET|^prctl\(24/,
      /^capset/,
      /PR_SET_NO_NEW_PRIVS/,
      /landlock_restrict_self/,
      /^close_range\(4, 4294967295\)/,
      /^execve the first/,
    ].map((text) => steps.findLastIndex((step) => text.test(step.text)));
    expect(order.every((at) => at >= 0)).toBe(true);
    const main = order.toSpliced(4, 1);
    expect(main).toEqual(main.toSorted((a, b) => a - b));
    const exec = indexOf(steps, /^execve the first/);
    expect(steps.slice(exec - 3, exec).map((step) => step.from)).toEqual(["/linux/seccomp", "/linux/seccomp", "/linux/seccomp"]);
  });

  test("writes sysctls through nothing but a procfs, the host's too", () => {
    const scene = withConfig(doScene(), { linux: { ...doScene().config.linux, sysctl: { "net.ipv4.ip_forward": "1" } } });
    const steps = inside({ ...scene, degraded: ["proc"] });
    const opened = steps.filter((step) => step.from === "/proc of the plan").map((step) => step.text);
    const wanted = [/^r\d+ = openat\(AT_FDCWD, "\/proc", /, /^fstatfs\(/, /load 8 bytes/, / == 40864/];
    expect(opened).toEqual(wanted.map((text) => expect.stringMatching(text)));
  });

  test("loads the filter before capabilities go where no_new_privs is off, for it needs CAP_SYS_ADMIN then", () => {
    const steps = inside(withConfig(runScene(), { process: { noNewPrivileges: false } }));
    expect(indexOf(steps, /^seccomp\(/)).toBeLessThan(indexOf(steps, /^prctl\(24/));
    expect(steps.filter((step) => step.text.includes("PR_SET_NO_NEW_PRIVS")).map((step) => step.from)).toEqual(["--init"]);
  });

  test("names no path of the host once it has pivoted, but the working directory and the program", () => {
    for (const blueprint of [runScene(), doScene(), terminalScene(), bundleScene()]) {
      const steps = inside(blueprint, UNIFIED);
      const after = steps.slice(indexOf(steps, /^pivot_root/) + 1);
      const named = after.filter((step) => /AT_FDCWD|^chdir/.test(step.text)).map((step) => step.text.replace(/r\d+ = /, ""));
      for (const text of named) expect(text).toMatch(/AT_FDCWD, "\/"|^chdir\(/);
    }
  });

  test("asserts before exec: namespaces, root, ids, capabilities, bounding set, no_new_privs, working directory, filter", () => {
    const required = inside(runScene()).filter((step) => step.text.startsWith("require ")).map((step) => step.from);
    for (const from of ["user", "pid", "mount", "network", "ipc", "uts", "cgroup", "time"].map((type) => `/linux/namespaces/${type}`)) expect(required).toContain(from);
    for (const from of ["/root", "/process/user", "/process/capabilities", "/process/noNewPrivileges", "/process/cwd", "/linux/seccomp"]) expect(required).toContain(from);
    expect(inside(runScene()).some((step) => step.from === "/process/capabilities/bounding" && step.text.includes("prctl(23"))).toBe(true);
  });

  test("makes no namespace assertion for those that are joined or the host's", () => {
    const asserted = (blueprint: Blueprint): string[] => [
      ...new Set(
        inside(blueprint)
          .filter((step) => step.text.startsWith("require ") && step.from.includes("namespaces"))
          .map((step) => step.from.slice(18)),
      ),
    ];
    expect(asserted(hostUsersScene())).not.toContain("user");
    expect(asserted(bundleScene())).toEqual(["mount", "ipc", "uts", "cgroup", "time"]);
  });

  test("has the built-in init only where it was asked for", () => {
    const has = (blueprint: Blueprint, facts: HostFacts): boolean => inside(blueprint, facts).some((step) => step.text.startsWith("be PID 1"));
    expect([has(runScene(), HYBRID), has(bundleScene(), UNIFIED), has(rootlessScene(OWN_ID), ROOTLESS)]).toEqual([true, false, true]);
  });

  test("keeps the report pipe of PID 1 open until it is in its loop", () => {
    const steps = inside(runScene());
    const init = indexOf(steps, /^be PID 1/);
    const closed = steps.slice(0, init).filter((step) => step.from === "--init" && step.text.startsWith("close_range"));
    expect(closed.map((step) => step.text)).toEqual(["close_range(0, 2)", "close_range(4, 4294967295)"]);
  });

  test("puts a terminal on descriptors 0 to 2 and nothing there that the host had", () => {
    const dups = inside(terminalScene()).filter((step) => step.text.startsWith("dup3(")).map((step) => step.text.replace(/r\d+/, "slave"));
    expect(dups).toEqual(["dup3(slave, 0)", "dup3(slave, 1)", "dup3(slave, 2)"]);
  });

  test("gives a terminal its size before the program can ask: that of the config, or else the caller's", () => {
    const sizes = (blueprint: Blueprint): string[] =>
      inside(blueprint).flatMap((step) => /^ioctl\(\S+, 0x541[34]/.exec(step.text)?.[0].replace(/r\d+/, "slave") ?? []);
    expect(sizes(terminalScene())).toEqual(["ioctl(slave, 0x5414"]);
    const { process, ...config } = terminalScene().config;
    if (process === undefined) throw new Error("The scene has no process");
    const { consoleSize: _size, ...unsized } = process;
    const relayed = { ...terminalScene(), config: { ...config, process: unsized } };
    expect(sizes(relayed)).toEqual(["ioctl(0, 0x5413", "ioctl(1, 0x5413", "ioctl(slave, 0x5414"]);
  });

  test("seals a read-only root after the last mount, and leaves a writable one open", () => {
    const sealed = inside(bundleScene(), UNIFIED);
    const at = sealed.findIndex((step) => step.from === "/root/readonly");
    expect(at).toBeGreaterThan(sealed.findLastIndex((step) => step.text.startsWith("move_mount")));
    expect(inside(runScene()).some((step) => step.from === "/root/readonly")).toBe(false);
  });

  test("has no filter and no Landlock where the blueprint has none", () => {
    const { seccomp: _seccomp, ...open } = runScene();
    const steps = inside({ ...open, landlock: false, init: false });
    expect(steps.filter((step) => /seccomp|landlock/.test(step.text))).toEqual([]);
  });
});
