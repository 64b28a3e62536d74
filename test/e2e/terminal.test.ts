/** Terminals: the program's own pty, and what becomes of the caller's. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { needs } from "../parts.ts";
import { childrenOf, openPty } from "../pty.ts";
import { CALLERS, openScene } from "../scene.ts";
import { recorded } from "./box.ts";

const scene = openScene();

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  const shell = (flags: readonly string[], script: string): string[] => scene.command(caller, ["run", ...flags, "@", "sh", "-c", script]);

  test("-it: a pty of the container's own, its window as large as the caller's, a session of its own", async () => {
    const pty = openPty(scene, shell(["-it"], "tty; stty size; test -t 0 && test -t 1 && test -t 2 && echo terminals; awk '{ print $6, $7 != 0 }' /proc/self/stat; stat -c %F /dev/console; echo $TERM"), caller);
    expect(await pty.ended()).toEqual({ code: 0, text: "/dev/pts/0\r\n33 91\r\nterminals\r\n2 1\r\ncharacter special file\r\nxterm\r\n", cooked: true });
  });

  test("-t without -i: output is as it comes, keys do not reach the program", async () => {
    const pty = openPty(scene, shell(["-t"], "stty size; test -t 0 && echo terminal; exit 3"), caller);
    expect(await pty.ended()).toEqual({ code: 3, text: "33 91\r\nterminal\r\n", cooked: true });
  });

  test("do takes a terminal by itself where there is one", async () => {
    const pty = openPty(scene, scene.command(caller, ["do", "sh", "-c", "tty; stty size"]), caller);
    expect((await pty.ended()).text).toBe("/dev/pts/0\r\n33 91\r\n");
    const without = openPty(scene, scene.command(caller, ["do", "--tty=false", "sh", "-c", "tty; stty size"]), caller);
    expect((await without.ended()).text).toBe("not a tty\r\n33 91\r\n");
  });

  test("a change of the window reaches the program as SIGWINCH", async () => {
    const pty = openPty(scene, shell(["-it"], "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.01; done"), caller);
    await pty.until("ready");
    pty.resize(120, 40);
    await pty.until("40 120");
    expect(await pty.ended()).toMatchObject({ code: 0, cooked: true });
  });

  test("Ctrl-C, Ctrl-D and Ctrl-Z are the container's terminal's", async () => {
    const script = "trap 'echo interrupted' INT; echo ready; read x || read x; echo \"<$x>\"; cat; echo after cat";
    const pty = openPty(scene, shell(["-it"], script), caller);
    await pty.until("ready");
    await pty.becomes("raw");
    pty.type("\x03");
    await pty.until("interrupted");
    pty.type("\x1aword\r");
    await pty.until("<word>");
    pty.type("\x04");
    await pty.until("after cat");
    expect(await pty.ended()).toMatchObject({ code: 0, cooked: true });
  });

  test("Ctrl-C ends a program that does not mind it, with 130, and is told", async () => {
    const pty = openPty(scene, shell(["-it"], "echo ready; exec sleep 60"), caller);
    await pty.until("ready");
    await pty.becomes("raw");
    pty.type("\x03");
    const { code, text, cooked } = await pty.ended();
    expect({ code, cooked }).toEqual({ code: 130, cooked: true });
    expect(text).toMatch(/pidbox: \w+: SIGINT ended it\r\n$/);
  });

  test("job control works inside: Ctrl-Z stops a job, fg goes on", async () => {
    const pty = openPty(scene, scene.command(caller, ["run", "-it", "@", "sh", "-i"]), caller);
    await pty.until("# ");
    pty.type("sh -c 'echo begin; read x; echo end $x'\r");
    await pty.until(/\nbegin/);
    pty.type("\x1a");
    await pty.until("Stopped");
    pty.type("fg\r");
    await pty.until(/fg\r\n.*read x/);
    pty.type("word\r");
    await pty.until("end word");
    pty.type("exit 5\r");
    expect(await pty.ended()).toMatchObject({ code: 5, cooked: true });
  });

  test("output is not lost at the end, however much", async () => {
    const pty = openPty(scene, shell(["-it"], "seq 1 50000; printf last"), caller);
    const { text } = await pty.ended();
    expect(text.length).toBe(Array.from({ length: 50_000 }, (_, i) => `${i + 1}\r\n`).join("").length + 4);
    expect(text.endsWith("49999\r\n50000\r\nlast")).toBe(true);
  });

  test("the terminal is as before after a failure to start", async () => {
    const pty = openPty(scene, shell(["-it", "-w", "/etc/passwd"], "true"), caller);
    expect(await pty.ended()).toMatchObject({ code: 125, cooked: true });
    const missing = openPty(scene, scene.command(caller, ["run", "-it", "@", "no-such-program"]), caller);
    expect(await missing.ended()).toMatchObject({ code: 127, cooked: true });
  });

  test("the terminal is as before after SIGKILL of the supervisor, and the container is gone", async () => {
    const pty = openPty(scene, shell(["-it"], "echo ready; exec sleep 60"), caller);
    await pty.until("ready");
    await pty.becomes("raw");
    expect([...childrenOf(pty.pid()).keys()].toSorted()).toEqual(["pidbox-init", "pidbox-tty"]);
    await recorded(pty.pid());
    pty.kill("SIGKILL");
    await pty.becomes("cooked");
    expect((await pty.ended()).code).toBe(137);
    Bun.spawnSync([scene.binary, "gc"], { env: scene.environment(caller) });
    if (caller === "rootless") Bun.spawnSync(scene.command(caller, ["gc"]), { env: scene.environment(caller) });
  });

  test("a hang-up of the caller's terminal is a hang-up inside", async () => {
    const output = scene.makeDirectory(`hang-${caller}`);
    const flags = ["-it", "-v", `${output}:/out`];
    const pty = openPty(scene, shell(flags, "trap 'echo hung up > /out/file; exit 9' HUP; echo ready; while :; do read x; done"), caller);
    await pty.until("ready");
    await pty.becomes("raw");
    pty.kill("SIGHUP");
    expect(await pty.ended()).toMatchObject({ code: 9, cooked: true });
    expect(readFileSync(`${output}/file`, "utf8")).toBe("hung up\n");
  });

  test("-t where the caller has no terminal: said, and done without", async () => {
    const { out, err, code } = await scene.run(["run", "-it", "@", "sh", "-c", "tty; cat"], { caller, input: "piped\n" });
    expect(err).toBe("pidbox: there is no terminal here, so the program gets none (--tty=force insists)\n");
    expect({ out, code }).toEqual({ out: "not a tty\npiped\n", code: 0 });
  });

  test("--tty=force with piped input: a terminal, and the end of the input is the end inside", async () => {
    const { out, code } = await scene.run(["run", "-i", "--tty=force", "@", "sh", "-c", "stty -echo; tty; cat; echo ended"], { caller, input: "piped\n" });
    expect(out.replace("piped\r\n", "")).toBe("/dev/pts/0\r\npiped\r\nended\r\n");
    expect(code).toBe(0);
    const unfinished = await scene.run(["run", "-i", "--tty=force", "@", "sh", "-c", "cat | wc -c"], { caller, input: "12345" });
    expect(unfinished.out.trim().endsWith("5")).toBe(true);
  });

  test("a program that closes its terminal and opens it again is still heard", async () => {
    const pty = openPty(scene, shell(["-it"], "exec < /dev/null > /dev/null 2>&1; cat /proc/self/stat | wc -c; echo again > /dev/tty"), caller);
    expect((await pty.ended()).text).toBe("again\r\n");
  });
});

needs("root")("a stop of the job (SIGTSTP) gives the terminal back, and going on takes it again", async () => {
  const pty = openPty(scene, scene.command("root", ["run", "-it", "@", "sh", "-c", "echo ready; cat"]));
  await pty.until("ready");
  await pty.becomes("raw");
  pty.kill("SIGTSTP");
  await pty.becomes("cooked");
  pty.kill("SIGCONT");
  await pty.becomes("raw");
  pty.type("word\r");
  await pty.until(/word\r\nword/);
  pty.type("\x04");
  expect(await pty.ended()).toMatchObject({ code: 0, cooked: true });
});

needs("root")("a job in the background leaves the terminal alone until it comes to the foreground", async () => {
  const job = scene.command("root", ["run", "-it", "@", "sh", "-c", "echo started; read x; echo got $x"]).map((word) => `'${word}'`).join(" ");
  const pty = openPty(scene, ["bash", "--norc", "-c", `set -m; ${job} & echo shell; read word; echo heard $word; fg > /dev/null`]);
  await pty.until("started");
  expect(pty.cooked()).toBe(true);
  pty.type("first\r");
  await pty.until("heard first");
  await pty.becomes("raw");
  pty.type("second\r");
  await pty.until("got second");
  expect(await pty.ended()).toMatchObject({ code: 0, cooked: true });
});

needs("root")("a reader of the output that goes away hangs the terminal up", async () => {
  const command = scene.command("root", ["run", "-i", "--tty=force", "@", "sh", "-c", "while :; do echo line; done"]).map((word) => `'${word}'`).join(" ");
  const child = Bun.spawnSync(["bash", "-c", `set -o pipefail; ${command} < /dev/zero | head -1; echo \${PIPESTATUS[0]}`], { env: scene.environment("root") });
  expect(child.stdout.toString().split("\n").at(-2)).toBe("129");
});
