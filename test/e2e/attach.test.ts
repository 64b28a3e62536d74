/** Clients of containers in the background: attach and start -a, with pipes and with terminals. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { childrenOf, openPty } from "../pty.ts";
import { needs } from "../parts.ts";
import { CALLERS, openScene } from "../scene.ts";
import type { Held } from "../scene.ts";
import { until, within } from "../until.ts";
import { isAlive, keep } from "./kept.ts";

const scene = openScene();

/** Waits until the pidbox that was started has become the launcher, which is a client by then. */
async function attached(pid: number): Promise<void> {
  await until(() => readlinkSync(`/proc/${pid}/exe`).startsWith("/memfd:"));
}

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  const log = (id: string): string => {
    const path = `${scene.dataOf(caller)}/logs/${id}/container.log`;
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  };
  const command = (verb: string, name: string, ...flags: readonly string[]): string[] => scene.command(caller, [verb, ...flags, name]);

  test("start -a shows all from the first byte on, stream by stream, and ends with the program's code", async () => {
    await using box = await keep(scene, caller, ["create", "@", "sh", "-c", "seq 3; echo err >&2; exit 7"]);
    expect(await box.run("start", "-a")).toEqual({ code: 7, out: "1\n2\n3\n", err: "err\n" });
    expect(await box.run("start", "-a")).toEqual({ code: 7, out: "1\n2\n3\n", err: "err\n" });
    expect((await box.run("logs")).out).toBe("1\n2\n3\n".repeat(2));
  });

  test("start -ai gives the input, and its end", async () => {
    await using box = await keep(scene, caller, ["create", "-i", "@", "sh", "-c", "cat; echo done"]);
    const text = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join("");
    const { code, out } = await scene.run(["start", "-ai", box.name], { caller, input: text });
    expect(code).toBe(0);
    expect(out === `${text}done\n`).toBe(true);
    await using deaf = await keep(scene, caller, ["create", "@", "sh", "-c", "cat; echo done"]);
    expect(await scene.run(["start", "-ai", deaf.name], { caller, input: "nothing of this" })).toEqual({ code: 0, out: "done\n", err: "" });
  });

  test("a start that fails is told by the exit code; what runs is not started again", async () => {
    await using box = await keep(scene, caller, ["create", "@", "no-such-program"]);
    const failed = await box.run("start", "-a");
    expect(failed).toMatchObject({ code: 1, out: "" });
    expect(failed.err).toContain("[COMMAND_NOT_FOUND]");
    await using runs = await keep(scene, caller, ["run", "-d", "@", "sleep", "600"]);
    expect((await runs.run("start", "-a")).err).toContain("[CONFLICT]");
    await runs.output("stop", "-t", "0");
    expect((await runs.run("attach")).err).toContain("[CONFLICT]");
  });

  test("several clients see the same; whoever goes does not matter", async () => {
    const script = "echo up; while read x; do echo \"<$x>\"; done; sleep 600";
    await using box = await keep(scene, caller, ["run", "-d", "-i", "@", "sh", "-c", script]);
    await until(() => log(box.id).includes("up"));
    const [one, other] = [scene.hold(["attach", box.name], { caller }), scene.hold(["attach", "--no-stdin", box.name], { caller })];
    await Promise.all([attached(one.pid), attached(other.pid)]);
    one.write("first\n");
    expect([await one.line(), await other.line()]).toEqual(["<first>", "<first>"]);
    one.kill("SIGKILL");
    await one.ended();
    const third = scene.hold(["attach", box.name], { caller });
    await attached(third.pid);
    third.write("second\n");
    expect([await third.line(), await other.line()]).toEqual(["<second>", "<second>"]);
    await box.output("kill");
    expect([await third.ended(), await other.ended()].map(({ code }) => code)).toEqual([137, 137]);
  });

  test("signals go to the program, unless they are to stay here", async () => {
    const script = "trap 'echo got; exit 9' TERM; echo up; while :; do sleep 0.02; done";
    await using box = await keep(scene, caller, ["run", "-d", "@", "sh", "-c", script]);
    await until(() => log(box.id).includes("up"));
    const mute = scene.hold(["attach", "--sig-proxy=false", box.name], { caller });
    await attached(mute.pid);
    mute.kill("SIGTERM");
    expect((await mute.ended()).code).toBe(143);
    const proxy = scene.hold(["attach", box.name], { caller });
    await attached(proxy.pid);
    proxy.kill("SIGTERM");
    expect(await proxy.ended()).toMatchObject({ code: 9, out: "got\n" });
  });

  test("a terminal: raw while attached, its window and keys are the program's, and it is put back at the end", async () => {
    await using box = await keep(scene, caller, ["create", "-it", "@", "sh", "-c", "trap 'echo interrupted' INT; stty size; echo up; read x || read x; echo \"<$x>\"; exit 4"]);
    const pty = openPty(scene, command("start", box.name, "-ai"), caller);
    await pty.until("up");
    await pty.becomes("raw");
    pty.type("\x03");
    await pty.until("interrupted");
    pty.type("word\r");
    await pty.until("<word>");
    const { code, text, cooked } = await pty.ended();
    expect({ code, cooked }).toEqual({ code: 4, cooked: true });
    expect(text).toContain("33 91");
  });

  test("ctrl-p ctrl-q detaches and leaves the container; a window that changes while attached is passed on", async () => {
    await using box = await keep(scene, caller, ["run", "-dit", "@", "sh", "-c", "trap 'stty size' WINCH; echo up; while :; do read x && echo \"<$x>\"; done"]);
    await until(() => log(box.id).includes("up"));
    const pty = openPty(scene, command("attach", box.name), caller);
    await pty.becomes("raw");
    pty.type("one\r");
    await pty.until("<one>");
    pty.resize(120, 40);
    await pty.until("40 120");
    pty.type("\x10");
    pty.type("\x11");
    const { code, text, cooked } = await pty.ended();
    expect({ code, cooked }).toEqual({ code: 0, cooked: true });
    expect(text).toContain(`detached from ${box.name}, which goes on\r\n`);
    expect(isAlive(box.supervisor())).toBe(true);
    // Again, in one go and by other keys.
    const again = openPty(scene, command("attach", box.name, "--detach-keys", "ctrl-a,x"), caller);
    await again.becomes("raw");
    again.type("two\r");
    await again.until("<two>");
    again.type("\x10\x11\x01x");
    expect(await again.ended()).toMatchObject({ code: 0, cooked: true });
  });

  test("keys that are too slow, or of no whole sequence, are the program's", async () => {
    await using box = await keep(scene, caller, ["run", "-dit", "@", "sh", "-c", "stty raw -echo; echo up; while :; do dd bs=1 count=1 2>/dev/null | od -An -tx1; done"]);
    await until(() => log(box.id).includes("up"));
    const pty = openPty(scene, command("attach", box.name), caller);
    await pty.becomes("raw");
    pty.type("\x10");
    // Nothing comes after it for longer than the time that a sequence has.
    await pty.until("10");
    pty.type("\x11");
    await pty.until("11");
    pty.type("\x10a");
    await pty.until("61");
    expect(isAlive(pty.pid())).toBe(true);
    pty.type("\x10\x10\x11");
    expect(await pty.ended()).toMatchObject({ code: 0, cooked: true });
    // The second ctrl-p belonged to the sequence, the first did not.
    expect(log(box.id).match(/10/g)?.length).toBeGreaterThanOrEqual(2);
  });

  test.each(["SIGTERM", "SIGHUP", "SIGKILL"] as const)("the terminal is put back when the client gets %s", async (signal) => {
    await using box = await keep(scene, caller, ["run", "-dit", "@", "sh", "-c", "echo up; read x; read x"]);
    await until(() => log(box.id).includes("up"));
    const pty = openPty(scene, command("attach", box.name), caller);
    await pty.becomes("raw");
    process.kill(pty.pid(), signal);
    await pty.becomes("cooked");
    expect((await pty.ended()).cooked).toBe(true);
    expect(isAlive(box.supervisor())).toBe(true);
  });

  test("a client that takes nothing is let go, and the container does not wait for it", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "-i", "--log-opt", "max-size=1m", "@", "sh", "-c", "echo up; read x; seq 2000000; echo end >&2; sleep 600"]);
    await until(() => log(box.id).includes("up"));
    const client = scene.spawn(["attach", box.name], { caller, stdin: "pipe" });
    await attached(client.pid);
    process.kill(client.pid, "SIGSTOP");
    const other = scene.hold(["attach", box.name], { caller });
    await attached(other.pid);
    other.write("go\n");
    await within(readTo(other, "2000000"), "all that the program wrote");
    process.kill(client.pid, "SIGCONT");
    const [said] = await Promise.all([new Response(client.stderr).text(), new Response(client.stdout).bytes()]);
    expect(await client.exited).toBe(1);
    expect(said).toContain("its output was not taken for a second");
    await box.output("kill");
    expect((await other.ended()).err).toBe("end\n");
  });
});

/** Reads lines as far as this one. */
async function readTo(held: Held, last: string): Promise<void> {
  for (let line = await held.line(); line !== last; line = await held.line()) if (line === undefined) throw new Error(`it ended before ${last}`);
}

needs("root")("the terminal's guard is a child of the client", async () => {
  await using box = await keep(scene, "root", ["run", "-dit", "@", "sh", "-c", "echo up; read x"]);
  const pty = openPty(scene, scene.command("root", ["attach", box.name]));
  await pty.becomes("raw");
  await until(() => childrenOf(pty.pid()).has("pidbox-tty"));
  pty.type("\x10\x11");
  expect(await pty.ended()).toMatchObject({ code: 0, cooked: true });
});
