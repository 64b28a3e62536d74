/** The launcher: a sealed copy in memory, closed to the container, and deaf to the environment that is the container's. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { needs } from "../parts.ts";
import { childrenOf } from "../pty.ts";
import { CALLERS, openScene, ROOTLESS_ID } from "../scene.ts";
import type { Caller, Held } from "../scene.ts";
import { buildAttempt } from "./attempt.ts";

const scene = openScene();
const program = buildAttempt(scene);
const CREDENTIAL = "caller-credential-7f3a";

const [major = 0, minor = 0] = release().split(".").map(Number);
/** F_SEAL_EXEC exists since Linux 6.3. */
const sealed = major > 6 || (major === 6 && minor >= 3) ? "sealed, mode too" : "sealed";

interface Family {
  readonly held: Held;
  readonly supervisor: number;
  readonly init: number;
}

/** A container that waits, with the host's PIDs of both processes of ours. */
async function family(caller: Caller): Promise<Family> {
  const held = scene.hold(["run", "-i", "@", "sh", "-c", "echo up; exec cat"], { caller, env: { CREDENTIAL } });
  expect(await held.line()).toBe("up");
  const init = childrenOf(held.pid).get("pidbox-init");
  if (init === undefined) throw new Error("the supervisor has no init");
  return { held, supervisor: held.pid, init };
}

const look = (...words: string[]): string => Bun.spawnSync([program, ...words]).stdout.toString().trim();

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  needs("root")("4c.1: supervisor and init run from a memfd that is sealed and that nobody can write", async () => {
    const { held, supervisor, init } = await family(caller);
    for (const pid of [supervisor, init]) {
      expect(look("--seals", `/proc/${pid}/exe`)).toBe(sealed);
      expect(look(`write=/proc/${pid}/exe`)).toMatch(/^write (ETXTBSY|EPERM|EACCES)$/);
    }
    await held.end();
  });

  needs("root")("4c.1: a container's processes have nothing of the pidbox binary, and nothing of the caller's environment", async () => {
    const { held, supervisor, init } = await family(caller);
    const [main = 0] = childrenOf(init).values();
    for (const pid of [supervisor, init, main]) {
      expect(readFileSync(`/proc/${pid}/maps`, "utf8")).not.toContain(scene.binary);
      expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toContain(CREDENTIAL);
      expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).not.toContain(scene.directory);
    }
    expect(readdirSync(`/proc/${init}/fd`)).toEqual([]);
    expect(readdirSync(`/proc/${main}/fd`).sort()).toEqual(["0", "1", "2"]);
    await held.end();
  });

  test("4c.1: the programs that /proc shows inside are the container's own", async () => {
    const out = await scene.output(["run", "@", "sh", "-c", "for p in /proc/[0-9]*; do readlink $p/exe; done | sort -u; tr '\\0' ' ' </proc/1/cmdline"], { caller, env: { CREDENTIAL } });
    expect(out.replaceAll("/memfd:pidbox (deleted)\n", "")).toMatch(/^\/bin\/busybox\npidbox [0-9a-f]{12}$/);
  });

  needs("root")("4c.2: Bun is gone when the program runs: one thread, no caller of it is seen inside", async () => {
    const { held, supervisor, init } = await family(caller);
    for (const pid of [supervisor, init]) expect(readdirSync(`/proc/${pid}/task`)).toHaveLength(1);
    expect(await scene.output(["run", "@", "sh", "-c", "grep ^PPid /proc/1/status; grep ^PPid /proc/$$/status"], { caller })).toBe("PPid:\t0\nPPid:\t1");
    await held.end();
  });

  const FORMS: readonly (readonly [string, (text: string) => string[]])[] = [
    ["-e", (text) => text.trim().split("\n").flatMap((line) => ["-e", line])],
    ["--env-file", (text) => {
      writeFileSync(`${scene.directory}/env`, text, { mode: 0o644 });
      return ["--env-file", `${scene.directory}/env`];
    }],
  ];
  test.each(FORMS)("variables of the container given by %s run nothing in a stage of ours", async (_form, flagsOf) => {
    const marks = scene.makeDirectory(`marks-${caller}`);
    const preload = `${scene.directory}/preload.js`;
    writeFileSync(preload, `require("fs").writeFileSync(${JSON.stringify(marks)} + "/" + process.pid, "")`, { mode: 0o644 });
    // The marker works on a Bun that nothing stands in front of; not even the caller's own variables reach pidbox's (launcher/front.c, x86-64).
    const env = { BUN_OPTIONS: `--preload=${preload}`, BUN_INSPECT_PRELOAD: preload };
    expect(Bun.spawnSync([process.execPath, "-e", "0"], { env }).exitCode).toBe(0);
    expect(readdirSync(marks)).toHaveLength(1);
    expect((await scene.run(["version"], { caller, env })).code).toBe(0);
    if (process.arch === "x64") expect(readdirSync(marks)).toHaveLength(1);
    const before = readdirSync(marks).length;
    const flags = flagsOf(`BUN_OPTIONS=--preload=${preload}\nBUN_INSPECT_PRELOAD=${preload}\nBUN_BE_BUN=1\nLD_PRELOAD=/none.so\nNODE_OPTIONS=--require=${preload}\n`);
    // Each end of a container that starts pidbox again: a failed program, a missing one, the verifier, a failed op.
    expect((await scene.run(["run", ...flags, "@", "sh", "-c", "test -n \"$BUN_OPTIONS\" && exit 3"], { caller })).code).toBe(3);
    expect((await scene.run(["run", ...flags, "@", "no-such-program"], { caller })).code).toBe(127);
    expect((await scene.run(["run", ...flags, "--fault", "40", "@", "true"], { caller })).code).toBe(125);
    if (caller === "root") expect((await scene.run(["run", ...flags, "--verify", "@", "true"], { caller })).code).toBe(0);
    expect(readdirSync(marks)).toHaveLength(before);
    Bun.spawnSync(["rm", "-r", marks]);
  });

  test("files of the working directory run nothing: bunfig.toml, .env, package.json, tsconfig.json", async () => {
    const place = scene.makeDirectory(`project-${caller}`);
    const files = {
      "bunfig.toml": 'preload = ["./mark.js"]\n', ".env": "BUN_OPTIONS=--preload=./mark.js\n", "package.json": '{"main":"./mark.js","preload":"./mark.js"}', "tsconfig.json": "{",
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(`${place}/${name}`, text, { mode: 0o644 });
    writeFileSync(`${place}/mark.js`, `require("fs").writeFileSync(${JSON.stringify(place)} + "/mark", "")`, { mode: 0o644 });
    for (const args of [["run", "@", "true"], ["run", "@", "no-such-program"], ["version"]]) await scene.run(args, { caller, cwd: place });
    expect(existsSync(`${place}/mark`)).toBe(false);
  });
});

needs("root")("4c.2: root's supervisor is not to be read by another user, the program's namespaces not by the caller's neighbours", async () => {
  const { held, supervisor, init } = await family("root");
  const other = ["setpriv", `--reuid=${ROOTLESS_ID}`, `--regid=${ROOTLESS_ID}`, "--clear-groups", program];
  for (const pid of [supervisor, init]) {
    const names = ["exe", "environ", "maps", "mem", "ns/mnt", "root/etc"].map((name) => `read=/proc/${pid}/${name}`);
    expect(Bun.spawnSync([...other, ...names]).stdout.toString()).toBe("read EACCES\n".repeat(names.length));
  }
  await held.end();
});

needs("root")("4c.16: nothing of ours is setuid, and no process stays when a container has ended", async () => {
  expect(statSync(scene.binary).mode & 0o6000).toBe(0);
  const { held, supervisor, init } = await family("root");
  await held.end();
  expect([existsSync(`/proc/${supervisor}`), existsSync(`/proc/${init}`)]).toEqual([false, false]);
  const sockets = readFileSync("/proc/net/unix", "utf8").split("\n").filter((line) => /@.*pidbox(?!-escape)/.test(line));
  expect(sockets).toEqual([]);
});
