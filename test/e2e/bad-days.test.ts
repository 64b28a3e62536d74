/** Hosts, programs and people at their worst. After each, nothing may be left: no process, cgroup, mount, namespace or state file. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "../../src/plan/compile.ts";
import { PidboxError } from "../../src/base/error.ts";
import { parseConfig } from "../../src/spec/validate.ts";
import { HYBRID, runScene, withConfig } from "../fixtures/plan/scenes.ts";
import { needs } from "../parts.ts";
import type { Order, Result } from "./bad-days-driver.ts";
import { isolated } from "./isolation.ts";

const BUILT = join(import.meta.dir, "../../dist/pidbox");
let folder = "";
let pidbox = "";

beforeAll(() => {
  // Not in /tmp, which one of the tests makes read-only.
  folder = mkdtempSync("/var/tmp/pidbox-days-");
  chmodSync(folder, 0o755);
  pidbox = join(folder, "pidbox");
  copyFileSync(BUILT, pidbox);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a script in isolation with `$P` as pidbox and `$F` as the folder; what is left of containers then is in `left`. */
function shell(script: string, prepare = "true"): Said & { readonly left: string[] } {
  const [out, err] = ["out", "err"].map((name) => join(folder, name)) as [string, string];
  const code = join(folder, "code");
  const look = 'ls -A /run/pidbox/containers /run/pidbox/names /run/pidbox/ids 2>/dev/null | grep -v ":$" | grep -v "^$"; ps -e -o comm= | grep pidbox';
  const whole = `{ ${script}\n} >'${out}' 2>'${err}'; echo $? >'${code}'; ${look}; true`;
  const { out: left } = isolated(["sh", "-c", whole], { name: "days", cwd: folder, prepare, env: { P: pidbox, F: folder } });
  return {
    code: Number(readFileSync(code, "utf8")), out: readFileSync(out, "utf8"), err: readFileSync(err, "utf8"),
    left: left.split("\n").filter((line) => line !== ""),
  };
}

function order(what: Order["what"], count: number, verb: readonly string[] = ["do"]): Result {
  const seed = Number(process.env["PIDBOX_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`${what}: PIDBOX_SEED=${seed}`);
  const argument: Order = { pidbox, what, count, seed, verb };
  return JSON.parse(isolated([process.execPath, join(import.meta.dir, "bad-days-driver.ts"), JSON.stringify(argument)], { name: "days", cwd: folder }).out) as Result;
}

function rootfs(name: string): string {
  const root = join(folder, name);
  mkdirSync(`${root}/bin`, { recursive: true });
  copyFileSync(Bun.which("busybox") ?? "/bin/busybox", `${root}/bin/busybox`);
  for (const applet of ["sh", "cat", "ls", "true", "mkdir", "id"]) symlinkSync("busybox", `${root}/bin/${applet}`);
  return root;
}

describe("SIGKILL at random moments", () => {
  needs("root")("of pidbox or its supervisor leaves nothing after gc", () => {
    const { problems, ends } = order("kill-first", 150);
    expect(problems).toEqual([]);
    expect(ends["SIGKILL"] ?? 0).toBeGreaterThan(10);
  });

  needs("root", "busybox")("of a supervisor with published ports, or of such a container, leaves nothing after gc", () => {
    const verb = ["run", "--rm", "-i", "-p", "80-81", `dir:${rootfs("published")}`];
    for (const what of ["kill-first", "kill-init"] as const) expect(order(what, 80, verb).problems).toEqual([]);
  }, 60_000);

  needs("root")("of the container's first process leaves nothing at all", () => {
    const { problems, ends } = order("kill-init", 150);
    expect(problems).toEqual([]);
    expect((ends["137"] ?? 0) + (ends["125"] ?? 0)).toBe(150);
  });

  needs("root")("or rather SIGTERM without end leaves nothing at all once the supervisor is there", () => {
    const { problems, ends } = order("storm", 150);
    expect(problems).toEqual([]);
    // How many are hit before and after exec is up to the machine's load.
    expect((ends["143"] ?? 0) + (ends["SIGTERM"] ?? 0) + (ends["125"] ?? 0)).toBe(150);
  });
});

describe("two hundred containers at once", () => {
  needs("root")("all run, each with its own, and all end", () => {
    const { problems, ends, kinds } = order("many", 200);
    expect(problems).toEqual([]);
    expect(ends).toEqual({ 0: 200 });
    // Else nothing would be seen of those that stay either.
    for (const kind of ["namespace", "process", "state"]) expect(kinds).toContain(kind);
  });
});

describe("a host that lacks things", () => {
  needs("root")("a full /run: each start works or says what could not be written, and nothing stays", () => {
    const codes = new Set<number | null>();
    for (let inodes = 2; inodes <= 14; inodes++) {
      const { code, err, left } = shell("$P do true", `mount -t tmpfs -o mode=700,size=64k,nr_inodes=${inodes} tmpfs /run/pidbox`);
      expect([inodes, left]).toEqual([inodes, []]);
      expect([inodes, code === 0 ? err === "" : code === 125 && /"\/run\/pidbox[^"]*".*ENOSPC/s.test(err)]).toEqual([inodes, true]);
      codes.add(code);
    }
    expect(codes).toEqual(new Set([0, 125]));
  });

  needs("root")("a /run without a byte of room", () => {
    const { code, err, left } = shell("$P do true", "mount -t tmpfs -o mode=700,size=4k tmpfs /run/pidbox && head -c 4096 /dev/zero >/run/pidbox/full");
    expect([code, left.filter((line) => line !== "full")]).toEqual([125, []]);
    expect(err).toContain("ENOSPC");
  });

  needs("root")("a read-only /run", () => {
    const { code, err } = shell("$P do true", "mount -o remount,ro /run/pidbox");
    expect(code).toBe(125);
    expect(err).toContain("EROFS");
  });

  needs("root")("a read-only /tmp, no HOME, no /dev/shm, no environment at all", () => {
    const { code, err, left } = shell("env -i $P do /bin/true && env -u HOME $P do /bin/sh -c 'echo x >/tmp/x'", "mount -t tmpfs -o ro tmpfs /tmp && { umount /dev/shm || mount -t tmpfs -o ro tmpfs /dev/shm; }");
    expect([code, err, left]).toEqual([0, "", []]);
  });

  needs("root")("a caller that ignores SIGCHLD, and one that blocks and ignores all it can", () => {
    const { code, left } = shell("timeout -k 1 10 env --ignore-signal=CHLD $P do sh -c 'exit 7'; test $? = 7 && timeout -k 1 10 env --ignore-signal --block-signal $P do sh -c 'sh -c \"kill -TERM \\$\\$\"; test $? = 143'");
    expect([code, left]).toEqual([0, []]);
  });

  needs("root")("no standard input, output or error", () => {
    expect(shell("$P do true <&- >&- 2>&-")).toMatchObject({ code: 0, left: [] });
    expect(shell("$P do sh -c 'echo x; test $? != 0' >&-").left).toEqual([]);
    expect(shell("$P do sh -c 'readlink /proc/self/fd/0; ls /proc/self/fd | wc -w' <&-").out).toBe("/dev/null\n4\n");
  });
});

describe("programs that behave badly", () => {
  needs("root")("one that ignores SIGTERM is killed after --stop-timeout", () => {
    const script = `
      $P do --stop-timeout 1 sh -c "trap : TERM; echo up; while :; do read x; done" <$F/fifo >$F/said & pid=$!
      exec 3>$F/fifo; until grep -q up $F/said || ! kill -0 $pid; do sleep 0.02; done
      kill -TERM $pid; wait $pid`;
    Bun.spawnSync(["mkfifo", join(folder, "fifo")]);
    expect(shell(script)).toMatchObject({ code: 137, left: [] });
  });

  needs("root")("a fork bomb meets its limit, is told, and is gone", () => {
    const counted = shell("$P do --pids-limit 16 sh -c 'i=0; while test $i -lt 40; do sleep 1000 & i=$((i+1)); done'");
    expect(counted.left).toEqual([]);
    expect(counted.code).not.toBe(0);
    expect(counted.err).toMatch(/forks were refused \(limit 16\)/);
    expect(shell("$P do --pids-limit 64 sh -c 'f() { f | f & }; f; i=0; while test $i -lt 20000; do i=$((i+1)); done' 2>/dev/null").left).toEqual([]);
  });

  needs("root")("a memory hog is killed at its limit, and the reason is told", () => {
    const { code, err, left } = shell("$P do -m 32m tail /dev/zero");
    expect([code, left]).toEqual([137, []]);
    expect(err).toContain("out of memory (limit 32M)");
  });

  needs("root")("a gigabyte of output arrives whole", () => {
    expect(shell("$P do head -c 1073741824 /dev/zero | wc -c")).toMatchObject({ out: "1073741824\n", err: "", left: [] });
  });

  needs("root")("a reader that goes away ends the writer", () => {
    const { out, left } = shell("{ $P do yes; echo $? >$F/writer; } | head -n 1; cat $F/writer");
    expect([out, left]).toEqual(["y\n141\n", []]);
  });
});

describe("a root filesystem full of hostile symbolic links", () => {
  const SECRET = "host's own secret";
  let host = "";
  beforeAll(() => {
    host = join(folder, "host");
    mkdirSync(host);
    writeFileSync(join(host, "secret"), SECRET);
  });

  /** Runs `script` in `name` with its links made; the host's directory must be as before. */
  function attack(name: string, links: Readonly<Record<string, string>>, flags = "", script = "true"): Said {
    const root = rootfs(name);
    for (const [path, target] of Object.entries(links)) {
      mkdirSync(join(root, path, ".."), { recursive: true });
      symlinkSync(target, join(root, path));
    }
    const said = shell(`$P run --rm ${flags} dir:${root} /bin/sh -c '${script}'`);
    expect([readdirSync(host), readFileSync(join(host, "secret"), "utf8"), said.left]).toEqual([["secret"], SECRET, []]);
    expect(said.out + said.err).not.toContain(SECRET);
    return said;
  }

  for (const path of ["proc", "sys", "dev"]) {
    needs("root", "busybox")(`/${path} as a link is refused as a possible attack`, () => {
      for (const [i, target] of [host, "/", "../../../../..", "/bin", "/proc/self/root"].entries()) {
        const { code, err } = attack(`${path}${i}`, { [path]: target });
        expect([target, code]).toEqual([target, 125]);
        expect(err).toContain("POSSIBLE_ATTACK");
      }
    });
  }

  needs("root", "busybox")("mount targets that lead out stay inside", () => {
    const links = { data: host, "etc/one.conf": join(host, "secret"), up: "../../../../../../../../tmp", magic: "/proc/self/root/tmp" };
    for (const [i, target] of ["/data", "/data/new", "/up/new"].entries()) {
      const { code, out, err } = attack(`target${i}`, links, `-v ${folder}/empty:${target}`, "ls -d /data/. >/dev/null; echo in");
      expect([target, code === 0 ? out : err.includes("Cannot build")]).toEqual([target, code === 0 ? "in\n" : true]);
    }
    for (const [i, target] of ["/magic/x", "/loop/x"].entries()) expect(attack(`magic${i}`, { ...links, loop: "/loop" }, `--tmpfs ${target}`).code).toBe(125);
  });

  needs("root", "busybox")("/etc/passwd, /etc and the working directory are read inside", () => {
    const { code, err } = attack("passwd", { "etc/passwd": join(host, "secret"), "etc/group": "/proc/self/environ" }, "-u nobody");
    expect(code).toBe(125);
    expect(err).toContain("nobody");
    expect(attack("etc", { etc: host }, "-u 5:5", "cat /etc/secret || echo absent")).toMatchObject({ code: 0, out: "absent\n" });
    const { out, err: refused } = attack("cwd", { work: host, here: "bin" }, "-w /work", "cat secret || echo absent");
    expect([out, refused.includes('Cannot build "/process/cwd"')]).toEqual(["", true]);
    expect(attack("inside", { here: "bin" }, "-w /here", "pwd")).toMatchObject({ code: 0, out: "/bin\n" });
  });

  beforeAll(() => mkdirSync(join(folder, "empty")));
});

describe("input that nobody should send", () => {
  test("names with control characters are refused and shown harmless", () => {
    for (const flag of ["--name", "--hostname", "--cgroup-parent", "--unsafe", "--memory", "--user", "--volume"]) {
      const child = Bun.spawnSync(
        [BUILT, "do", flag, "a\u001b]0;owned\u0007\nb\u202e", "true"], { stdin: "ignore", env: { PATH: process.env["PATH"] ?? "", XDG_RUNTIME_DIR: folder } },
      );
      const err = child.stderr.toString();
      expect([flag, child.exitCode === 0 || err !== ""]).toEqual([flag, true]);
      expect(err).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e]/);
    }
  });

  test("a config of 10 MB is read or refused", () => {
    const config = (extra: Record<string, unknown>): string => JSON.stringify({ ...runScene().config, ...extra });
    const attempt = (text: string): string => {
      try {
        parseConfig(new TextEncoder().encode(text));
        return "read";
      } catch (error) {
        if (error instanceof PidboxError) return error.code;
        throw error;
      }
    };
    const ten = 10 * 2 ** 20;
    expect(attempt(config({ annotations: { big: "x".repeat(ten) } }))).toBe("read");
    expect(attempt(config({ annotations: Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`annotation-of-a-long-name-${i}`, "a value that takes room"])) }))).toBe("read");
    expect(attempt("[".repeat(ten))).not.toBe("read");
    expect(attempt(`{"ociVersion":"1.3.0","process":${"{\"a\":".repeat(ten / 5)}`)).not.toBe("read");
  });

  test("more mounts than a plan can hold are an error of the config", () => {
    const mounts = Array.from({ length: 20_000 }, (_, i) => ({ destination: `/mount-${i}`, type: "tmpfs" }));
    try {
      compile(withConfig(runScene(), { mounts }), HYBRID, { self: 3 });
      expect("compiled").toBe("refused");
    } catch (error) {
      expect(error instanceof PidboxError ? error.code : error).toBe("CONFIG_INVALID");
    }
  });
});
