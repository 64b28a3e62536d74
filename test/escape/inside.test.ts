/** What a program in a container cannot do: each rule of the wall, tried from inside by a program that only wants out. */
import { describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync } from "node:fs";
import { needs } from "../parts.ts";
import { openPty } from "../pty.ts";
import { CALLERS, openScene } from "../scene.ts";
import { attempt, buildAttempt, outcomes, way } from "./attempt.ts";

const scene = openScene();
const program = buildAttempt(scene);
const MODES = CALLERS.flatMap((caller) => (["do", "run"] as const).map((verb) => [verb, caller] as const));

function all(names: string, outcome: string): Record<string, string> {
  return Object.fromEntries(names.split(" ").map((name) => [name, outcome]));
}

/** A process of the host that waits, and its PID. */
function bystander(): Bun.Subprocess {
  const child = Bun.spawn(["sleep", "60"], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  scene.track(child);
  return child;
}

describe.each(MODES)("%s as %s", (verb, caller) => {
  const tryAll = async (expected: Record<string, string>): Promise<void> => {
    expect(await attempt(scene, verb, caller, Object.keys(expected))).toEqual(expected);
  };

  test("mounts: nothing can be mounted, moved, remounted or taken away", () =>
    tryAll(all("mount bind remount propagation umount pivot_root chroot fsopen open_tree move_mount mount_setattr", "EPERM")));

  test("namespaces: none can be made or entered, and clone3 is not there to hide its flags", () =>
    tryAll({ ...all("unshare-user unshare-mount unshare-pid unshare-net unshare-cgroup clone-user setns", "EPERM"), "clone3-user": "ENOSYS" }));

  test("device nodes cannot be made", async () => {
    expect((await attempt(scene, verb, caller, ["mknod"]))["mknod"]).toMatch(/^(EPERM|EACCES)$/);
  });

  test("system calls with a history are refused: io_uring, keyrings, userfaultfd, bpf, perf, handles, modules", () =>
    tryAll(all("io_uring_setup keyctl add_key request_key userfaultfd bpf perf_event_open open_by_handle_at init_module finit_module delete_module kexec_load", "EPERM")));

  test("the machine cannot be governed: reboot, swap, accounting, log, names, time, quota, ports", () =>
    tryAll({ ...all("reboot swapon acct syslog sethostname settimeofday quotactl vhangup", "EPERM"), ...(process.arch === "x64" ? all("iopl ioperm", "EPERM") : {}) }));

  test("socket families: AF_ALG, AF_VSOCK, AF_PACKET and raw sockets are refused", () => {
    const absent = verb === "do" ? "EPERM" : "EAFNOSUPPORT";
    return tryAll({ "af-alg": absent, "af-vsock": absent, "af-packet": "EPERM", "raw-socket": "EPERM" });
  });

  needs("x64")("i386 and x32 calls: the filter cannot be walked around by another table", () => tryAll({ int80: "SIGSYS", x32: "ENOSYS" }));

  test("PID 1 is pidbox's: it cannot be traced, read or compared, and no descriptor taken from it", () =>
    tryAll(all("ptrace-init read-memory kcmp pidfd_getfd", "EPERM")));

  const ENTRIES = ["/proc/1/ns/mnt", "/proc/1/ns/user", "/proc/1/mem", "/proc/1/environ", "/proc/1/maps", "/proc/1/exe", "/proc/1/root/etc", "/proc/1/cwd/etc"];

  // Rootless, Landlock alone draws this line.
  (caller === "rootless" ? needs("landlock") : test)("namespaces and memory of PID 1 in /proc are closed", async () => {
    for (const name of ENTRIES) expect([name, (await attempt(scene, verb, caller, [`read=${name}`]))["read"]]).toEqual([name, "EACCES"]);
  });

  if (caller === "root") test("and so they are without Landlock", async () => {
    const flags = ["--security-opt", "landlock=unconfined", "--unsafe=landlock"];
    for (const name of ENTRIES) {
      const out = await scene.output([...way(scene, verb, flags), `read=${name}`], { cwd: "/", caller });
      expect([name, outcomes(out)["read"]]).toEqual([name, "EACCES"]);
    }
  });

  test("no file of /proc and /sys opens for writing, but for a process's own and the notifications that the kernel grants everyone", async () => {
    const trees = ["write-any=/proc", "write-any=/sys"];
    const out = await scene.output([...way(scene, verb), ...trees], { caller, cwd: "/" });
    // /proc/pressure has mode 0666: everybody may ask to be told of pressure, in windows of whole two seconds (Documentation/accounting/psi.rst).
    expect(out.replace(/\(\/proc\/pressure\/\w+\) /g, "")).toBe("write-any ok\nwrite-any ok");
  });

  test.each(["/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/kcore", "/proc/sys/fs/binfmt_misc/register", "/sys/kernel/uevent_helper", "/sys/fs/cgroup/release_agent",
    "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/pids/cgroup.procs", "/sys/fs/cgroup/cgroup.procs", "/dev/mem", "/dev/kmsg", "/dev/fuse", "/dev/kvm", "/dev/loop-control"])("%s cannot be written", async (path) => {
    expect((await attempt(scene, verb, caller, [`write=${path}`]))["write"]).toMatch(/^(EROFS|EACCES|EPERM|ENOENT)$/);
  });

  test("no_new_privs is on, a filter is loaded, no capability is inheritable or ambient: for every process inside", async () => {
    const shell = verb === "do" ? ["do", "sh"] : ["run", "@", "sh"];
    const out = await scene.output([...shell, "-c", "for p in /proc/[0-9]*; do grep -hE '^(NoNewPrivs|Seccomp|CapInh|CapAmb):' $p/status 2>/dev/null; done | sort -u"], { caller, cwd: "/" });
    expect(out.split("\n")).toEqual(["CapAmb:\t0000000000000000", "CapInh:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"]);
  });

  test("processes of the host are not there, and no signal reaches them", async () => {
    const other = bystander();
    const shell = verb === "do" ? ["do", "sh"] : ["run", "@", "sh"];
    const script = `test -e /proc/${other.pid} && echo seen; exec 2>/dev/null; kill -9 ${other.pid} && echo sent; kill -9 -1; kill -9 1; echo alive`;
    expect(await scene.output([...shell, "-c", script], { caller, cwd: "/" })).toBe("alive");
    expect([other.exitCode, other.signalCode]).toEqual([null, null]);
    other.kill();
  });

  test("abstract sockets of the host are in another network namespace", async () => {
    const name = `pidbox-escape-${process.pid}`;
    using _listener = Bun.listen({ unix: `\0${name}`, socket: { data() {} } });
    expect(outcomes(Bun.spawnSync([program, `abstract=${name}`]).stdout.toString())).toEqual({ abstract: "ok" });
    expect((await attempt(scene, verb, caller, [`abstract=${name}`]))["abstract"]).toMatch(/^(ECONNREFUSED|EPERM)$/);
  });

  test("input cannot be pushed into a terminal (TIOCSTI)", async () => {
    const [name = "", ...rest] = way(scene, verb, ["-it"]);
    const pty = openPty(scene, scene.command(caller, [name, ...rest, "push-input"]), caller);
    expect(await pty.ended()).toMatchObject({ code: 0, text: "push-input EPERM\r\n" });
  });
});

needs("root")("a setuid-root program of the root filesystem gives nothing", async () => {
  copyFileSync(program, `${scene.rootfs}/bin/setuid`);
  chmodSync(`${scene.rootfs}/bin/setuid`, 0o6755);
  expect(await scene.output(["run", "-u", "1000", "@", "sh", "-c", "test -u /bin/setuid && setuid --ids"])).toBe("1000 1000");
});

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test("the session keyring is not the caller's, even for a program without a filter", async () => {
    const flags = ["--security-opt", "seccomp=unconfined", "--unsafe=seccomp"];
    const out = await scene.output([...way(scene, "run", flags), "--keyring"], { caller, before: [program, "--session"] });
    const [callers, inside] = out.split("\n").map(Number);
    expect(callers).toBeGreaterThan(0);
    expect(inside).not.toBe(callers as number);
  });
});
