/** How a container is started, seen from the host, and what a hostile root filesystem can do to it: rules of runtimes.md 4c, by number. */
import { describe, expect, test } from "bun:test";
import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { SYSCALLS } from "../../src/kernel/abi/host.ts";
import { syscall } from "../../src/kernel/ffi.ts";
import { needs } from "../parts.ts";
import { childrenOf } from "../pty.ts";
import { CALLERS, openScene, ROOTLESS_ID } from "../scene.ts";
import type { Caller, Held } from "../scene.ts";

const scene = openScene();
const F_GET_SEALS = 1034;
const SEAL_ALL = 0xf;

interface Running {
  readonly held: Held;
  readonly init: number;
  readonly main: number;
}

/** A container that waits: its supervisor, PID 1 and program by their PIDs on the host. */
async function running(caller: Caller, flags: readonly string[] = []): Promise<Running> {
  const held = scene.hold(["run", "-i", ...flags, "@", "sh", "-c", "echo up; cat"], { caller });
  expect(await held.line()).toBe("up");
  const init = childrenOf(held.pid).get("pidbox-init") ?? 0;
  return { held, init, main: [...childrenOf(init).values()][0] ?? 0 };
}

/** A root filesystem of the caller, made hostile by a shell script that runs in it. */
function hostile(name: string, script: string, caller: Caller): string {
  const root = scene.makeRootfs(`${name}-${caller}`);
  const made = Bun.spawnSync(["sh", "-e", "-c", script], { cwd: root });
  expect(made.stderr.toString()).toBe("");
  if (caller === "rootless" && CALLERS.length > 1) Bun.spawnSync(["chown", "-hR", `${ROOTLESS_ID}:${ROOTLESS_ID}`, root]);
  return `dir:${root}`;
}

const outside = scene.makeDirectory("outside");
writeFileSync(`${outside}/passwd`, "evil:x:4711:4711::/:/bin/sh\n", { mode: 0o644 });
const untouched = (): string => Bun.spawnSync(["find", outside, "-printf", "%p %m %T@\n"]).stdout.toString();

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test("4c.1: what runs outside and as PID 1 is a sealed copy in memory, static, with one thread", async () => {
    const { held, init } = await running(caller);
    for (const pid of [held.pid, init]) {
      expect(readlinkSync(`/proc/${pid}/exe`)).toBe("/memfd:pidbox (deleted)");
      expect(readdirSync(`/proc/${pid}/task`)).toHaveLength(1);
      expect(readFileSync(`/proc/${pid}/maps`, "utf8")).not.toMatch(/\.so|ld-/);
    }
    const file = openSync(`/proc/${held.pid}/exe`, constants.O_RDONLY);
    expect(syscall(SYSCALLS.fcntl, file, F_GET_SEALS, 0) & SEAL_ALL).toBe(SEAL_ALL);
    closeSync(file);
    expect(() => openSync(`/proc/${held.pid}/exe`, constants.O_RDWR)).toThrow(/ETXTBSY|EACCES|EPERM/);
    expect((await held.end()).code).toBe(0);
  });

  test("4c.2: the supervisor is in no namespace of the container and shares no descriptor with it", async () => {
    const { held, init, main } = await running(caller);
    for (const type of ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"]) {
      expect(readlinkSync(`/proc/${held.pid}/ns/${type}`)).toBe(readlinkSync(`/proc/self/ns/${type}`));
      expect(readlinkSync(`/proc/${main}/ns/${type}`)).not.toBe(readlinkSync(`/proc/self/ns/${type}`));
    }
    expect(readdirSync(`/proc/${main}/fd`)).toEqual(["0", "1", "2"]);
    expect(readdirSync(`/proc/${init}/fd`)).toEqual([]);
    expect(readFileSync(`/proc/${held.pid}/environ`, "utf8")).toBe("");
    expect((await held.end()).code).toBe(0);
  });

  test("4c.2: PID 1 has no environment and no argument but its name, and its parent is not to be seen", async () => {
    const { held, init } = await running(caller, ["-e", "SECRET=1", "--name", `box-${caller}`]);
    expect(readFileSync(`/proc/${init}/environ`, "utf8")).toBe("");
    expect(readFileSync(`/proc/${init}/cmdline`, "utf8")).toBe(`pidbox\0box-${caller}\0`);
    expect((await held.end()).code).toBe(0);
    expect(await scene.output(["run", "@", "awk", "/^PPid/ { print $2 }", "/proc/1/status"], { caller })).toBe("0");
  });

  test("4c.5: nothing of the host's tree is left below the container's root", async () => {
    const { held, main } = await running(caller);
    const points = readFileSync(`/proc/${main}/mountinfo`, "utf8").trim().split("\n").map((line) => line.split(" ")[4] ?? "");
    expect(points.filter((point) => !/^\/($|(proc|sys|dev)(\/|$))/.test(point))).toEqual([]);
    expect((await held.end()).code).toBe(0);
  });

  test.each(["proc", "sys", "dev"])("4c.6, 4c.7: /%s that is a link, a file or a fifo is not mounted over", async (name) => {
    for (const [kind, script] of Object.entries({ link: `ln -s ${outside} ${name}`, up: `ln -s ../../../.. ${name}`, file: `touch ${name}`, fifo: `mkfifo ${name}` })) {
      const image = hostile(`${name}-${kind}`, `rmdir ${name}; ${script}`, caller);
      const before = untouched();
      const { code, out, err } = await scene.run(["run", image, "echo", "started"], { caller });
      expect({ kind, code, out }).toEqual({ kind, code: 125, out: "" });
      expect(err).toMatch(/\[(POSSIBLE_ATTACK|LAUNCH_FAILED)\]/);
      expect(untouched()).toBe(before);
    }
  });

  test("4c.7: device nodes and links that the image brings in /dev are not those of the container", async () => {
    const image = hostile("dev-files", `ln -s ${outside}/passwd dev/null; ln -s /etc/passwd dev/console; mkdir dev/pts; ln -s ${outside} dev/shm`, caller);
    expect(await scene.output(["run", image, "sh", "-c", "stat -c %F /dev/null; echo x > /dev/null; test -L /dev/shm || echo directory"], { caller }))
      .toBe("character special file\ndirectory");
  });

  test("4c.3: links for mount points lead nowhere outside", async () => {
    const before = untouched();
    const script = `ln -s ${outside} abs; ln -s ../../../../../../../../../..${outside} up; ln -s /proc/1/root magic; ln -s loop loop; mkdir deep; ln -s ../abs deep/link`;
    const image = hostile("targets", script, caller);
    const mounts = ["/abs/x", "/up/x", "/magic/x", "/loop/x"].map((path) => ["--tmpfs", path]);
    const flags = [...mounts, ["-v", `${scene.directory}:/deep/link/y`], ["-w", "/abs/w"], ["-w", "/up/w"]];
    for (const pair of flags) {
      const { code, out } = await scene.run(["run", ...pair, image, "sh", "-c", "cat /abs/passwd /up/passwd 2>/dev/null; echo ran"], { caller });
      // Either it was refused, or the link was followed inside the container's own root.
      expect([pair, code === 0 ? out : "ran\n"]).toEqual([pair, "ran\n"]);
      expect(untouched()).toBe(before);
    }
  });

  test("4c.4: a masked or read-only path is covered though the image has links of that name elsewhere", async () => {
    const image = hostile("masks", `ln -s ${outside} firmware; rm -r run; ln -s /proc run`, caller);
    expect(await scene.output(["run", image, "sh", "-c", "ls -A /sys/firmware; cat /proc/keys; touch /run/sys/x 2>/dev/null || echo refused"], { caller })).toBe("refused");
  });

  test("4c.9: the working directory is inside, whatever leads there", async () => {
    const image = hostile("cwd", "ln -s /proc/self/cwd here; ln -s ../../.. up; ln -s /proc/1/cwd one", caller);
    for (const directory of ["/up", "/proc/self/fd/3", "/proc/self/fd/4", "/proc/1/cwd", "/proc/self/cwd", "/here", "/one", "/../../.."]) {
      const { code, out } = await scene.run(["run", "-w", directory, image, "sh", "-c", "pwd -P; ls -d etc bin 2>/dev/null; cat passwd 2>/dev/null"], { caller });
      if (code !== 125) expect(out).toMatch(/^\/(etc\n|bin\n|proc\/\S*|\n|$)*/);
      expect(out).not.toContain("unreachable");
      expect(out).not.toContain("evil");
    }
  });

  test("4c.10: a number is a number, whatever the image's passwd calls so", async () => {
    const image = hostile("numeric", "echo '0:x:1:1::/:/bin/sh' > etc/passwd; echo '7:x:0:0::/:/bin/sh' >> etc/passwd; echo 'root:x:5:5::/:/bin/sh' >> etc/passwd", caller);
    expect(await scene.output(["run", "-u", "0", image, "id", "-u"], { caller })).toBe("0");
    if (caller === "root") expect(await scene.output(["run", "-u", "7", image, "id", "-u"], { caller })).toBe("7");
  });

  test.each([
    ["a link to a file of the host", `ln -s ${outside}/passwd etc/passwd`], ["a link out by dots", `ln -s ../../../../../../../..${outside}/passwd etc/passwd`],
    ["a magic link", "ln -s /proc/1/root/etc/passwd etc/passwd"], ["a fifo", "mkfifo etc/passwd"], ["a directory", "mkdir etc/passwd"],
    ["a loop", "ln -s passwd etc/passwd"], ["a terabyte of nothing", "truncate -s 1T etc/passwd"], ["lines without end", "head -c 5000000 /dev/zero | tr '\\0' x > etc/passwd"],
    ["control characters", "printf 'evil\\033[31m:x:0:0::/:/bin/sh\\n' > etc/passwd"],
  ])("4c.10: /etc/passwd that is %s: no user from it, and no wait", async (_name, script) => {
    const image = hostile(`passwd-${_name.replaceAll(" ", "-")}`, `rm etc/passwd; ${script}`, caller);
    const { code, out, err } = await scene.run(["run", "-u", "evil", image, "echo", "started"], { caller });
    expect({ code, out }).toEqual({ code: 125, out: "" });
    expect(err).not.toContain("\u001b");
    expect(await scene.output(["run", image, "echo", "started"], { caller })).toBe("started");
  });

  test("4c.13: state is for its owner only", async () => {
    const { held } = await running(caller);
    const root = caller === "root" ? "/run/pidbox" : `${scene.runtime}/pidbox`;
    const isOurs = (one: string): boolean => existsSync(`${root}/containers/${one}/state.json`) && readFileSync(`${root}/containers/${one}/state.json`, "utf8").includes(scene.directory);
    const id = readdirSync(`${root}/containers`).find(isOurs) ?? "";
    expect([root, `${root}/containers/${id}`].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700]);
    expect(["state.json", "status"].map((file) => statSync(`${root}/containers/${id}/${file}`).mode & 0o777)).toEqual([0o600, 0o600]);
    expect((await held.end()).code).toBe(0);
  });

  test("4c.14: what the image says of itself changes nothing", async () => {
    const annotations = { "run.oci.seccomp": "unconfined" };
    const wish = { hooks: { prestart: [{ path: `${outside}/hook` }] }, process: { noNewPrivileges: false }, linux: { maskedPaths: [] }, annotations };
    const image = hostile("wishes", `echo '${JSON.stringify(wish)}' | tee config.json .pidbox.json > etc/containers.json; cp config.json ../config.json`, caller);
    expect(await scene.output(["run", image, "grep", "-E", "^(NoNewPrivs|Seccomp):", "/proc/self/status"], { caller })).toBe("NoNewPrivs:\t1\nSeccomp:\t2");
  });

  test("4c.16: no set-user-id file, no abstract socket, no process that stays", async () => {
    const before = readFileSync("/proc/net/unix", "utf8").match(/@\S*pidbox\S*/g) ?? [];
    const { held } = await running(caller);
    expect(readFileSync("/proc/net/unix", "utf8").match(/@\S*pidbox\S*/g) ?? []).toEqual(before);
    expect(statSync(scene.binary).mode & 0o6000).toBe(0);
    expect((await held.end()).code).toBe(0);
  });
});

needs("root")("a root filesystem that is itself a link is the directory that it leads to", async () => {
  const link = `${scene.directory}/link-to-rootfs`;
  symlinkSync(scene.rootfs, link);
  expect(await scene.output(["run", `dir:${link}`, "echo", "started"])).toBe("started");
});

needs("root")("an unprivileged user who prepares the state directory of another gets nothing", async () => {
  const shared = scene.makeDirectory("shared-runtime");
  const run = (): Promise<{ code: number; err: string }> => scene.run(["run", "@", "true"], { caller: "rootless", env: { XDG_RUNTIME_DIR: shared } });
  const own = `chown -h ${ROOTLESS_ID} ${shared}/pidbox`;
  const whole = `mkdir -p ${shared}/pidbox/containers ${shared}/pidbox/names ${shared}/pidbox/ids; chmod -R 777 ${shared}/pidbox`;
  for (const prepare of [`mkdir -m 700 ${shared}/pidbox`, `ln -s ${outside} ${shared}/pidbox; ${own}`, whole, `${whole}; ${own}`]) {
    Bun.spawnSync(["sh", "-c", `rm -rf ${shared}/pidbox; ${prepare}`]);
    const { code, err } = await run();
    expect(err).toContain("[POSSIBLE_ATTACK]");
    expect(code).toBe(125);
    expect((await scene.run(["gc"], { caller: "rootless", env: { XDG_RUNTIME_DIR: shared } })).err).toContain("[POSSIBLE_ATTACK]");
  }
  expect(existsSync(`${outside}/containers`)).toBe(false);
});

needs("root")("a program that opens its own executable finds itself, not pidbox", async () => {
  const { held, main } = await running("root");
  const file = openSync(`/proc/${main}/exe`, constants.O_RDONLY);
  const head = new Uint8Array(4096);
  readSync(file, head);
  closeSync(file);
  expect(Buffer.from(head).equals(readFileSync(`${scene.rootfs}/bin/busybox`).subarray(0, 4096))).toBe(true);
  expect((await held.end()).code).toBe(0);
});
