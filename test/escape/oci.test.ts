/** Hostile root filesystems, configs and containers against pidbox-oci: create, and exec into what an attacker has made of a container. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../src/spec/runtime-config.ts";
import { configOf, OciScene } from "../oci/scene.ts";
import type { Change } from "../oci/scene.ts";
import { PIDBOX_OCI, run } from "../oci/runtime.ts";
import type { Result } from "../oci/runtime.ts";
import { needs } from "../parts.ts";
import { untilSync } from "../until.ts";

const scene = new OciScene();
afterAll(() => scene[Symbol.dispose]());
const STATE = join(scene.directory, "state");
const outside = join(scene.directory, "outside");
mkdirSync(outside);
writeFileSync(join(outside, "passwd"), "evil:x:0:0::/evil:/bin/sh\n");
const untouched = (): string => Bun.spawnSync(["find", outside, "-printf", "%p %m %T@\n"]).stdout.toString();

let count = 0;

/** A root filesystem that a shell script in it has made hostile. */
function hostile(script: string): string {
  const name = `hostile-${++count}`;
  const root = scene.makeRootfs(name);
  expect(Bun.spawnSync(["sh", "-e", "-c", script], { cwd: root }).stderr.toString()).toBe("");
  return name;
}

function start(script: string, change: Change): Result {
  return scene.run(configOf(script, change));
}

interface Held extends Disposable {
  call(...words: readonly string[]): Result;
}

/** A container that runs `script`, with `ID` in its calls for its id. */
function hold(script: string, change: Change = {}): Held {
  const id = `escape-${process.pid}-${++count}`;
  const bundle = join(scene.directory, id);
  mkdirSync(bundle);
  const root = change.root ?? { path: "rootfs" };
  writeFileSync(join(bundle, "config.json"), JSON.stringify({ ...configOf(script, change), root: { ...root, path: join(scene.directory, root.path) } }));
  const call = (...words: readonly string[]): Result => run(PIDBOX_OCI, ["--root", STATE, ...words.map((word) => (word === "ID" ? id : word))]);
  const made = Bun.spawnSync([PIDBOX_OCI, "--root", STATE, "run", "--detach", "--bundle", bundle, id], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  expect(made.exitCode).toBe(0);
  return { call, [Symbol.dispose]: () => void call("delete", "--force", "ID") };
}

const attack = needs("root", "busybox");

describe("a hostile root filesystem", () => {
  for (const name of ["proc", "sys", "dev"]) {
    attack(`with /${name} that is a link, a file or a fifo is not mounted over`, () => {
      for (const script of [`ln -s ${outside} ${name}`, `ln -s ../../../.. ${name}`, `touch ${name}`, `mkfifo ${name}`]) {
        const before = untouched();
        const { code, out, err } = start("echo started", { root: { path: hostile(`rmdir ${name}; ${script}`) } });
        expect([script, code, out, untouched()]).toEqual([script, 1, "", before]);
        expect(err).toContain("level=error");
      }
    });
  }

  attack("has no way out by its links at places of mounts, masks and the working directory", () => {
    const root = { path: hostile(`ln -s ${outside} abs; ln -s ../../../../../../..${outside} up; ln -s /proc/1/root magic; ln -s loop loop`) };
    const tmpfs = (destination: string): Change => ({ mounts: [{ destination, type: "tmpfs", source: "tmpfs", options: [] }] });
    const linux = { maskedPaths: ["/abs/passwd", "/up/passwd", "/magic/etc"], readonlyPaths: ["/abs", "/up", "/magic"] };
    const places = ["/abs/x", "/up/x", "/magic/x", "/loop/x"];
    const changes: Change[] = [...places.map(tmpfs), { process: { cwd: "/abs/w" } }, { process: { cwd: "/up/w" } }, { linux }];
    for (const change of changes) {
      const before = untouched();
      const { code, out } = start("cat /abs/passwd /up/passwd 2>/dev/null; echo ran", { ...change, root });
      // Refused, or followed inside of the container's own root.
      expect([change, code === 0 ? out : "ran\n", untouched()]).toEqual([change, "ran\n", before]);
    }
  });

  attack("gives devices and a home directory that are not its own", () => {
    const root = { path: hostile(`ln -s ${outside}/passwd dev/null; ln -s /etc/passwd dev/console; ln -s ${outside}/passwd dev/ptmx; rm etc/passwd; ln -s ${outside}/passwd etc/passwd`) };
    const before = untouched();
    expect(start("stat -c %F /dev/null; echo x >/dev/null; readlink /dev/ptmx; echo $HOME", { root }).out).toBe("character special file\npts/ptmx\n/\n");
    expect(untouched()).toBe(before);
    for (const passwd of ["mkfifo etc/passwd", "mkdir etc/passwd", "ln -s passwd etc/passwd", "truncate -s 1T etc/passwd"]) {
      expect([passwd, start("echo $HOME", { root: { path: hostile(`rm etc/passwd; ${passwd}`) } }).out]).toEqual([passwd, "/\n"]);
    }
  });
});

describe("a working directory by a descriptor (CVE-2024-21626)", () => {
  const look = "pwd -P; ls -d /proc/self/cwd/config.json /proc/self/cwd/../config.json 2>/dev/null; echo end";

  attack("leads nowhere outside, for the first process and for exec", () => {
    using held = hold("sleep 1000");
    const results: (readonly [string, Result])[] = [];
    for (let fd = 3; fd < 24; fd++) {
      const cwd = `/proc/self/fd/${fd}`;
      results.push([`run ${cwd}`, start(look, { process: { cwd } })], [`exec ${cwd}`, held.call("exec", "--cwd", cwd, "ID", "/bin/sh", "-c", look)]);
    }
    for (const [what, { code, out }] of results) if (code === 0) expect([what, out]).toEqual([what, expect.stringMatching(/^\/\S*\nend\n$/)]);
    expect(results.some(([, { code }]) => code !== 0)).toBe(true);
  });
});

describe("exec into a container that is the attacker's", () => {
  attack("is not to be looked into from there (CVE-2016-9962), nor is its executable to be had (CVE-2019-5736)", () => {
    const all = ["CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_KILL", "CAP_SETUID", "CAP_SYS_CHROOT"];
    // Whatever can be read of processes of pidbox while they come and go.
    const spy = `echo up > /tmp/seen; while :; do for p in /proc/[0-9]*; do
      case $(cat $p/comm 2>/dev/null) in pidbox*)
      for f in $p/fd/* $p/exe $p/cwd $p/root; do readlink $f >> /tmp/seen 2>/dev/null; done
      cat $p/environ $p/maps >> /tmp/seen 2>/dev/null;; esac; done; done`;
    using held = hold(spy, { process: { capabilities: { bounding: all, effective: all, permitted: all } } });
    for (let i = 0; i < 20; i++) expect(held.call("exec", "ID", "/bin/true").code).toBe(0);
    const { out } = held.call("exec", "ID", "cat", "/tmp/seen");
    expect(out).toStartWith("up\n");
    // The program's own streams, directories and memory may be among it: it has the name of pidbox until it is executed.
    expect(out).not.toMatch(/memfd|pidbox|proc|cgroup|pipe:|anon_inode/);
  });

  attack("has nothing of the host's to lead there, even for CAP_SYS_PTRACE without a user namespace", () => {
    const all = ["CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_SYS_PTRACE"];
    // Every directory that a process which comes and goes has open, and what is above it.
    const spy = `echo up > /tmp/seen; while :; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] && continue
      for f in $p/fd/* $p/cwd $p/root; do for up in . .. ../.. ../../.. ../../../../../../../..; do
        [ -e $f/$up${outside}/passwd ] && echo "$(cat $p/comm) $f/$up" >> /tmp/seen; [ -e $f/$up/self ] && [ ! -e $f/$up/bin ] && echo "$(cat $p/comm) procfs $f/$up" >> /tmp/seen
      done; done 2>/dev/null; done; done`;
    using held = hold(spy, { process: { capabilities: { bounding: all, effective: all, permitted: all } } });
    for (let i = 0; i < 40; i++) expect(held.call("exec", "ID", "/bin/true").code).toBe(0);
    expect(held.call("exec", "ID", "grep", "-v", "procfs /proc/[0-9]*/root/", "/tmp/seen").out).toBe("up\n");
  });

  attack("runs with the container's wall whatever lies at /proc, /dev/pts and /bin/sh there", () => {
    const all = ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER"];
    const script = "mkdir /tmp/p; mount -t tmpfs t /proc; mkdir -p /proc/self/attr /proc/self/ns; mount -t tmpfs t /dev/pts; echo x > /dev/pts/ptmx; touch /tmp/ready; exec sleep 1000";
    using held = hold(script, { process: { capabilities: { bounding: all, effective: all, permitted: all } } });
    const status = "/bin/busybox mount -t proc p /tmp/p 2>/dev/null; /bin/busybox grep -E '^(NoNewPrivs|CapEff):' /tmp/p/self/status";
    untilSync(() => held.call("exec", "ID", "test", "-e", "/tmp/ready").code === 0);
    const { code, out } = held.call("exec", "ID", "/bin/sh", "-c", status);
    expect([code, out]).toEqual([0, expect.stringContaining("NoNewPrivs:\t1")]);
    const terminal = held.call("exec", "--tty", "ID", "/bin/true");
    expect([terminal.code, terminal.err]).toEqual([255, expect.stringContaining("/process/terminal")]);
  });
});

describe("what a config says of Bun", () => {
  attack("reaches the program and nothing else", () => {
    const env = ["PATH=/bin", "BUN_OPTIONS=--preload /evil.js", "BUN_BE_BUN=1", "BUN_INSPECT_PRELOAD=/evil.js"];
    expect(start("echo $BUN_OPTIONS", { process: { env } }).out).toBe("--preload /evil.js\n");
    const { code, err } = start("true", { process: { env, args: ["/nothing"] } });
    expect([code, err]).toEqual([1, expect.stringContaining("no such file or directory")]);
  });
});

describe("a config that goes too far", () => {
  const escape = "\u001b[31m\u0007";
  const configs: Readonly<Record<string, (config: Config) => unknown>> = {
    "10,000 mounts": (config) => ({ ...config, mounts: Array.from({ length: 10_000 }, (_, i) => ({ destination: `/tmp/${i}`, type: "tmpfs", source: "t" })) }),
    "control characters in paths": (config) => ({ ...config, mounts: [{ destination: `/tmp/${escape}`, type: "bind", source: `/none${escape}`, options: ["bind"] }] }),
    "control characters in a hook": (config) => ({ ...config, hooks: { prestart: [{ path: `/none${escape}` }] } }),
    "control characters in the program": (config) => ({ ...config, process: { ...config.process, args: [`/none${escape}`] } }),
    "a hook by a relative path": (config) => ({ ...config, hooks: { prestart: [{ path: "bin/true" }] } }),
    "numbers beyond 64 bits": (config) => JSON.parse(JSON.stringify({ ...config, linux: { ...config.linux, resources: { pids: { limit: 1e300 } } } })),
    "a cgroup above its own": (config) => ({ ...config, linux: { ...config.linux, cgroupsPath: "../../../escape" } }),
  };
  for (const [name, change] of Object.entries(configs)) {
    attack(`is refused in words, and leaves nothing: ${name}`, () => {
      const { code, out, err } = scene.run(change(configOf("echo started")) as Config);
      expect([code, out]).toEqual([1, ""]);
      expect(err).toContain("level=error");
      expect(err.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f]/);
      expect(existsSync(STATE) ? Bun.spawnSync(["ls", STATE]).stdout.toString() : "").toBe("");
    });
  }

  test.each([[".."], ["."], ["a/b"], ["../x"], ["-x"], [""], ["a\n"], [escape], ["x".repeat(300)]])("nor is %j an id", (id) => {
    writeFileSync(join(scene.directory, "config.json"), JSON.stringify(configOf("true")));
    const { code, err } = run(PIDBOX_OCI, ["--root", STATE, "create", "--bundle", scene.directory, "--", id]);
    expect(code).toBe(1);
    expect(err.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f]/);
    expect(readFileSync(join(outside, "passwd"), "utf8")).toStartWith("evil");
  });
});
