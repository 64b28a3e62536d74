/** Signals to the supervisor, PID 1 inside, and what dies with what. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { SIGNALS } from "../../src/kernel/abi/signals.ts";
import { needs } from "../parts.ts";
import { childrenOf } from "../pty.ts";
import { CALLERS, openScene } from "../scene.ts";
import { until } from "../until.ts";
import { recorded } from "./box.ts";

const scene = openScene();

/** Not for a program's handler: KILL and STOP; CHLD is the supervisor's own; TSTP, TTIN and TTOU stop the supervisor, as a shell's job. */
const NOT_PASSED = ["SIGKILL", "SIGSTOP", "SIGCHLD", "SIGTSTP", "SIGTTIN", "SIGTTOU"];
const PASSED = Object.entries(SIGNALS).filter(([name]) => !NOT_PASSED.includes(name));
/** A shell that waits so that its traps run soon. */
const LOOP = "echo ready; while :; do sleep 0.01; done";

/** PID 1 of a container, which takes its name while the program may run already. */
function initOf(supervisor: number): Promise<number> {
  return until(() => childrenOf(supervisor).get("pidbox-init"), `pidbox-init below ${supervisor}`);
}

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  const shell = (flags: readonly string[], script: string) => scene.hold(["run", "-i", ...flags, "@", "sh", "-c", script], { caller });

  test("every signal that can be passed on reaches the main child", async () => {
    const traps = PASSED.map(([name, number]) => `trap 'echo ${name}' ${number}`).join("; ");
    const held = shell([], `${traps}; ${LOOP}`);
    expect(await held.line()).toBe("ready");
    for (const [name, number] of PASSED) {
      held.kill(number);
      expect(await held.line()).toBe(name);
    }
    held.kill("SIGINT");
    expect((await held.ended()).code).toBe(137);
  });

  test("real-time signals too", async () => {
    const held = shell([], "echo ready; exec sleep 60");
    expect(await held.line()).toBe("ready");
    // bun knows no signal above 31.
    expect(Bun.spawnSync(["bash", "-c", `kill -64 ${held.pid}`]).exitCode).toBe(0);
    expect((await held.ended()).code).toBe(128 + 64);
  });

  test("a program that ignores SIGTERM runs on", async () => {
    const held = shell([], `trap '' TERM; trap 'echo still' USR1; ${LOOP}`);
    expect(await held.line()).toBe("ready");
    held.kill("SIGTERM");
    held.kill("SIGUSR1");
    expect(await held.line()).toBe("still");
    process.kill(await initOf(held.pid), "SIGKILL");
    expect((await held.ended()).code).toBe(137);
  });

  test("--stop-timeout: it is killed so long after SIGTERM, and why is told", async () => {
    const held = shell(["--stop-timeout", "0"], `trap '' TERM; ${LOOP}`);
    expect(await held.line()).toBe("ready");
    held.kill("SIGTERM");
    const { code, err } = await held.ended();
    expect(code).toBe(137);
    expect(err).toMatch(/^pidbox: \w+: it did not end within 0 s of SIGTERM from process \d+ \([^)]+\), so it was killed\n$/);
    const obedient = shell(["--stop-timeout", "30"], `trap 'exit 5' TERM; ${LOOP}`);
    expect(await obedient.line()).toBe("ready");
    obedient.kill("SIGTERM");
    expect(await obedient.ended()).toMatchObject({ code: 5, err: "" });
    expect((await scene.run(["run", "--stop-timeout", "-1", "@", "true"], { caller })).err).toContain("[USAGE]");
  });

  test("--stop-signal: SIGTERM comes as another", async () => {
    for (const name of ["SIGUSR1", "usr1", "10"]) {
      const held = shell(["--stop-signal", name], `trap 'echo asked; exit 4' USR1; ${LOOP}`);
      expect(await held.line()).toBe("ready");
      held.kill("SIGTERM");
      expect(await held.line()).toBe("asked");
      expect((await held.ended()).code).toBe(4);
    }
    for (const wrong of ["SIGNOTHING", "0", "65"]) expect((await scene.run(["run", "--stop-signal", wrong, "@", "true"], { caller })).err).toContain("[USAGE]");
  });

  test("a second SIGINT kills a program that ignores the first", async () => {
    const held = shell([], `trap 'echo once' INT; ${LOOP}`);
    expect(await held.line()).toBe("ready");
    held.kill("SIGINT");
    expect(await held.line()).toBe("once");
    held.kill("SIGINT");
    const { code, err } = await held.ended();
    expect(code).toBe(137);
    expect(err).toMatch(/^pidbox: \w+: a second Ctrl-C killed it\n$/);
  });

  test("PID 1 reaps orphans", async () => {
    const orphan = "(sh -c 'sleep 60 & echo $! > /tmp/orphan' &); until test -s /tmp/orphan; do sleep 0.01; done; p=$(cat /tmp/orphan)";
    const script = `${orphan}; awk '{ print $4 }' /proc/$p/stat; kill $p; while test -e /proc/$p; do sleep 0.01; done; echo reaped`;
    expect(await scene.output(["run", "--tmpfs", "/tmp", "@", "sh", "-c", script], { caller })).toBe("1\nreaped");
  });

  test("the end of the main child is the end of all", async () => {
    const { out, code } = await scene.run(["run", "@", "sh", "-c", "(trap '' TERM HUP; sleep 60) & (sleep 60 &) ; exit 6"], { caller });
    expect({ out, code }).toEqual({ out: "", code: 6 });
  });

  test("signals from inside cannot end PID 1", async () => {
    // With Landlock's scopes (6.12) they are refused; without, PID 1 hands them to the main child.
    const script = "trap 'echo handed on' TERM; kill -TERM 1 2>/dev/null; kill -KILL 1 2>/dev/null; kill -STOP 1 2>/dev/null; sleep 0.01; cat /proc/1/comm";
    expect(await scene.output(["run", "@", "sh", "-c", script], { caller })).toMatch(/^(handed on\n)?pidbox-init$/);
  });

  test("--init=false: the program is PID 1 itself", async () => {
    expect(await scene.output(["run", "--init=false", "@", "sh", "-c", "echo $$"], { caller })).toBe("1");
    expect((await scene.run(["run", "--init=false", "@", "sh", "-c", "exit 3"], { caller })).code).toBe(3);
    const held = shell(["--init=false"], `trap 'exit 4' TERM; ${LOOP}`);
    expect(await held.line()).toBe("ready");
    held.kill("SIGTERM");
    expect((await held.ended()).code).toBe(4);
  });

  test("SIGKILL of the supervisor kills the container", async () => {
    const held = shell([], "trap '' HUP TERM INT; echo ready; sleep 60 & cat");
    expect(await held.line()).toBe("ready");
    expect(await initOf(held.pid)).toBeGreaterThan(1);
    await recorded(held.pid);
    held.kill("SIGKILL");
    // The pipe ends only when the last process that has it open is gone.
    expect((await held.ended()).code).toBe(137);
    expect((await scene.run(["gc"], { caller })).code).toBe(0);
  });

  test("SIGKILL of PID 1 is an end like any other", async () => {
    const held = shell([], "echo ready; cat");
    expect(await held.line()).toBe("ready");
    process.kill(await initOf(held.pid), "SIGKILL");
    const { code, err } = await held.ended();
    expect(code).toBe(137);
    expect(err).toMatch(/^pidbox: \w+: SIGKILL ended it\n$/);
  });

  test("the program starts with every signal at its default and none blocked, whatever the caller ignores", async () => {
    const before = ["bash", "-c", "trap '' HUP INT PIPE USR1; exec \"$@\"", "bash"];
    const out = await scene.output(["run", "@", "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"], { caller, before });
    expect(out).toBe("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000");
  });
});

needs("root")("the supervisor stays in its caller's process group, the container is out of the session", async () => {
  const held = scene.hold(["run", "-i", "@", "sh", "-c", "echo ready; cat"]);
  expect(await held.line()).toBe("ready");
  const session = (pid: number): string => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[3] ?? "";
  expect(session(held.pid)).toBe(session(process.pid));
  expect(session(childrenOf(held.pid).get("pidbox-init") ?? 0)).not.toBe(session(process.pid));
  expect((await held.end()).code).toBe(0);
});
