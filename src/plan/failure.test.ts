import { describe, expect, test } from "bun:test";
import { ERRNO } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { decodePlan } from "./decode.ts";
import type { DecodedPlan } from "./decode.ts";
import { failureError } from "./failure.ts";
import { PLAN, REPORT } from "./op.ts";
import { PlanWriter } from "./writer.ts";

/** A plan of one op, which `write` appends, and its error. */
function errorOf(from: string, write: (w: PlanWriter) => unknown, error: number, value = 0): ReturnType<typeof failureError> {
  const w = new PlanWriter();
  write(w.from(from));
  return failureError(decodePlan(w.exit(125).finish(0)), { op: 0, error, value });
}

const call = (name: keyof typeof SYSCALLS, path?: string, at = 1) => (w: PlanWriter): void => {
  const args = [0, 0, 0, 0, 0];
  if (path !== undefined) args[at] = w.text(path);
  w.call(SYSCALLS[name], ...(args as [number, number, number, number, number]));
};

const { EACCES, EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EBADF, EBUSY, EINVAL, ELOOP, ENODEV, ENOENT, ENOSPC, ENOSYS, ENOTDIR, EPERM, EROFS } = ERRNO;
const ENOEXEC = 8;

/** One line of the table of advice each: the op, the errno, the words that must be in the hint, the code. */
const TABLE: readonly (readonly [from: string, write: (w: PlanWriter) => unknown, error: number, hint: string, code?: string])[] = [
  ["/linux/namespaces", (w) => w.clone(w.cells(0), 88, w.label(), 3, 4), EPERM, "pidbox doctor names the setting"],
  ["/linux/namespaces/user", call("unshare"), ENOSPC, "max_*_namespaces"],
  ["/linux/namespaces", (w) => w.clone(w.cells(0), 88, w.label(), 3, 4), EAGAIN, "limit of processes"],
  ["/mounts/3", call("mount_setattr"), EINVAL, "--allow-degraded=idmap"],
  ["/root", call("move_mount"), EPERM, "Landlock forbids mounts"],
  ["/root", call("fsconfig", "lower", 3), EINVAL, "--rw /"],
  ["/mounts/0", call("fsmount"), EPERM, "next to a masked one"],
  ["/mounts/4", call("fsopen", "mqueue", 0), ENODEV, "no such filesystem"],
  ["/mounts/1", call("openat2", "dev"), ELOOP, "symbolic link stands where", "POSSIBLE_ATTACK"],
  ["/mounts/7", call("mkdirat", "data"), EROFS, "make it there first"],
  ["cgroup memory", call("mkdirat", "/sys/fs/cgroup/memory/x"), EROFS, "--allow-degraded=cgroups"],
  ["/linux/resources/memory/limit", call("write", "1"), EINVAL, "does not take this value"],
  ["cgroup.subtree_control", call("write", "+pids"), EBUSY, "systemd-run --user --scope"],
  ["/linux/resources/pids/limit", call("openat", "pids.max"), ENOENT, "no such limit"],
  ["/process/apparmorProfile", call("write", "exec x"), ENOENT, "apparmor_parser", "HOST_UNSUPPORTED"],
  ["/process/apparmorProfile", call("write", "exec x"), EACCES, "AppArmor confines pidbox itself"],
  ["/linux/sysctl/kernel.x", call("openat", "sys/kernel/x"), ENOENT, "no such parameter"],
  ["/process/rlimits/0", call("prlimit64"), EPERM, "ulimit -H"],
  ["/process/cwd", call("chdir", "/x", 0), ENOTDIR, "not a directory in the container"],
  ["/process/cwd", call("chdir", "/x", 0), EACCES, "belongs to another user"],
  ["state directory", call("fcntl"), EAGAIN, "Another container uses this state"],
  ["/mounts/7", call("mkdirat", "data"), ENOSPC, "filesystem is full"],
  ["--publish 127.0.0.1:80->80/tcp", call("bind"), EADDRINUSE, "Another program listens there", "CONFLICT"],
  ["--publish 127.0.0.1:80->80/tcp", call("listen"), EADDRINUSE, "or none: then the kernel chooses", "CONFLICT"],
  ["--publish 192.0.2.1:0->80/tcp", call("bind"), EADDRNOTAVAIL, "none of this host's"],
  ["--publish 127.0.0.1:80->80/tcp", call("dup3"), EBADF, "ulimit -n"],
  ["--publish 127.0.0.1:80->80/tcp", call("bind"), EACCES, "net.ipv4.ip_unprivileged_port_start"],
  ["/linux/seccomp", call("seccomp"), ENOSYS, "lacks this layer"],
];

describe("failureError()", () => {
  test("says that the relay of published ports was gone", () => {
    const { message, context } = errorOf("--publish", (w) => w.expect(0, 1), REPORT.expectation);
    expect([message, context]).toEqual(["The relay of the published ports could not be started", { from: "--publish" }]);
  });

  for (const [from, write, error, hint, code] of TABLE) {
    test(`advises on ${from}, errno ${error}: ${hint}`, () => {
      const found = errorOf(from, write, error);
      expect(found.hint).toContain(hint);
      expect(found.code).toBe((code ?? "LAUNCH_FAILED") as typeof found.code);
      expect(found.message).toStartWith(`Cannot build "${from}": `);
      expect(found.message).toContain("(op 0, ");
      expect(found.context.from).toBe(from);
    });
  }

  test("names the path, the errno and the field, with control characters shown", () => {
    const found = errorOf("/mounts/3\u001b[2J", call("openat2", "a\u001b[31m\nb"), EACCES);
    expect(found.message).not.toMatch(/[\u0000-\u001f]/);
    expect(found.message).toContain('openat2 on "a\\x1b[31m\\nb": EACCES');
    expect(found.context).toEqual({ from: "/mounts/3\\x1b[2J", errno: "EACCES", path: "a\\x1b[31m\\nb" });
  });

  test("names the path that a loop was at", () => {
    const w = new PlanWriter();
    w.from("/linux/maskedPaths").each(["one", "two"].map((path) => w.text(path)), (path) => w.call(SYSCALLS.openat2, 0, path));
    const plan = decodePlan(w.exit(0).finish(0));
    expect([0, 1].map((value) => failureError(plan, { op: 1, error: EACCES, value }).context.path)).toEqual(["one", "two"]);
    for (const value of [2, -1, 2 ** 40]) expect(failureError(plan, { op: 1, error: EACCES, value }).context.path).toBeUndefined();
  });

  test("says what an assertion found, and which", () => {
    const found = errorOf("/process/noNewPrivileges", (w) => w.expect(w.register(), 1), REPORT.expectation, 0);
    expect(found.message).toBe('The kernel did not confirm "/process/noNewPrivileges": it answers 0 where the plan requires otherwise (op 0, require r8 == 1)');
    expect(found.code).toBe("LAUNCH_FAILED");
  });

  test("names any op that a test let fail, the supervising one and the last too", () => {
    for (const write of [
      call("close"),
      (w: PlanWriter) => w.supervise(0, 0, 0, 0, 0, w.room(104)),
      (w: PlanWriter) => w.execute(w.texts(["/a"]), w.texts(["a"]), w.texts([])),
    ]) {
      expect(errorOf("x", write, REPORT.fault).message).toStartWith("Stopped on purpose at op 0, ");
    }
  });

  test("tells a program that is not there from one that cannot run", () => {
    const program = (name: string, error: number): ReturnType<typeof failureError> =>
      errorOf("/process/args", (w) => w.execute(w.texts([`/bin/${name}`]), w.texts([name, "-x"]), w.texts([])), error);
    expect([program("foo", ENOENT).code, program("foo", ENOENT).message]).toEqual([
      "COMMAND_NOT_FOUND",
      'Cannot run "foo": not found in the container',
    ]);
    expect(program("foo", ENOENT).hint).toContain("PATH");
    expect(program("./foo", ENOENT).hint).toContain("interpreter");
    expect([program("foo", EACCES).code, program("foo", ENOEXEC).code]).toEqual(["COMMAND_NOT_EXECUTABLE", "COMMAND_NOT_EXECUTABLE"]);
    expect([program("foo", ENOEXEC).message, program("foo", ENOEXEC).hint]).toEqual([expect.stringContaining("ENOEXEC"), expect.stringContaining("#! line")]);
    expect(program("foo", ELOOP).hint).toContain("symbolic link");
    expect(program("\u001b]0;x\u0007", ENOENT).message).toContain("\\x1b]0;x\\x07");
  });

  test("says that the container was killed where no op is to blame", () => {
    const plan: DecodedPlan = { ops: [], data: new Uint8Array(8), onFailure: 0 };
    expect(failureError(plan, { op: PLAN.noOp, error: REPORT.expectation, value: 0 }).message).toBe("The container was killed before its program ran");
    expect(errorOf("container", (w) => w.supervise(0, 0, 0, 0, 0, w.room(104)), REPORT.expectation).hint).toContain("Out of memory?");
  });

  test("has an explanation for errors that no advice fits", () => {
    expect(errorOf("x", call("close"), 9).hint).toBeString();
    expect(errorOf("x", call("close"), 9).message).toContain("EBADF");
  });
});
