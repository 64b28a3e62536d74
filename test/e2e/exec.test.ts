/** `exec`: a process beside the container's own, held by the same wall. */
import { describe, expect, test } from "bun:test";
import { readFileSync, readlinkSync } from "node:fs";
import { needs } from "../parts.ts";
import { openPty } from "../pty.ts";
import { CALLERS, openScene } from "../scene.ts";
import { until } from "../until.ts";
import { keep } from "./kept.ts";
import type { KeptContainer } from "./kept.ts";

const scene = openScene();

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  const box = (...flags: readonly string[]): Promise<KeptContainer> => keep(scene, caller, ["run", "-d", ...flags, "@", "sh", "-c", "echo up; exec sleep 600"]);
  const exec = (name: string, ...words: readonly string[]) => scene.run(["exec", name, ...words], { caller });

  test("the program's exit code, output and errors; 126 and 127 as docker has them", async () => {
    await using kept = await box();
    expect(await exec(kept.name, "sh", "-c", "echo out; echo err >&2; exit 3")).toEqual({ code: 3, out: "out\n", err: "err\n" });
    expect(await exec(kept.name, "no-such-program")).toMatchObject({ code: 127, out: "" });
    expect((await exec(kept.name, "/etc/passwd")).code).toBe(126);
    expect((await exec(kept.name, "sh", "-c", "kill -9 $$")).code).toBe(137);
    expect((await scene.run(["exec", kept.name], { caller })).err).toContain("[USAGE]");
  });

  test("it is in all namespaces and cgroups of the container, and held by the same filter, capabilities and limits", async () => {
    await using kept = await box("--ulimit", "nofile=99:99", "--hostname", "inside");
    const script = "for n in user pid mnt net ipc uts cgroup time; do readlink /proc/self/ns/$n; done; cat /proc/self/cgroup; grep -E '^(Cap|Seccomp:|NoNewPrivs|Uid|Gid)' /proc/self/status; ulimit -n";
    const joined = await exec(kept.name, "sh", "-c", script);
    expect(joined.code).toBe(0);
    // From outside, of the container's first process; its program is that one's child.
    const init = readFileSync(`${kept.directory}/status`).readInt32LE(8);
    const main = Number(readFileSync(`/proc/${init}/task/${init}/children`, "utf8").split(" ")[0]);
    const namespaces = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup", "time"].map((type) => readlinkSync(`/proc/${init}/ns/${type}`));
    const status = (name: string): string => new RegExp(`^${name}:.*$`, "m").exec(readFileSync(`/proc/${main}/status`, "utf8"))?.[0] ?? "";
    const own = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"].map(status);
    expect(joined.out.split("\n")).toEqual(expect.arrayContaining([...namespaces, ...own, "99"]));
    if (caller === "root") expect(joined.out).toContain("memory:/\n");
    expect((await exec(kept.name, "hostname")).out).toBe("inside\n");
    // The program's own view: its PIDs, its init, and nothing of the host.
    expect((await exec(kept.name, "sh", "-c", "ps -o comm | sort | uniq | tr '\\n' ' '")).out).toMatch(/pidbox-init.*sleep/);
    expect((await exec(kept.name, "sh", "-c", "ls /proc/self/fd")).out.trim().split("\n").sort()).toEqual(["0", "1", "2", "3"]);
    if (caller === "root") expect((await kept.run("verify")).code).toBe(0);
  });

  test("-i gives the input; without it there is none", async () => {
    await using kept = await box();
    const cat = ["exec", "-i", kept.name, "cat"];
    expect((await scene.run(cat, { caller, input: "typed\n" })).out).toBe("typed\n");
    expect((await scene.run(["exec", kept.name, "cat"], { caller, input: "typed\n" })).out).toBe("");
  });

  test("-e, --env-file, -w, -u: the container's environment and what is added", async () => {
    await using kept = await box("-e", "OWN=1", "-w", "/tmp");
    const env = (await scene.run(["exec", "-e", "MORE=2", "-e", "OWN=3", kept.name, "env"], { caller })).out;
    expect(env.split("\n")).toEqual(expect.arrayContaining(["MORE=2", "OWN=3", "HOME=/root"]));
    expect((await exec(kept.name, "pwd")).out).toBe("/tmp\n");
    expect((await scene.run(["exec", "-w", "/etc", kept.name, "pwd"], { caller })).out).toBe("/etc\n");
    expect((await scene.run(["exec", "-w", "etc", kept.name, "pwd"], { caller })).err).toContain("[USAGE]");
    if (caller === "root") {
      const who = await scene.run(["exec", "-u", "worker", kept.name, "sh", "-c", "id -u; id -g; id -G; echo $HOME; grep CapEff /proc/self/status"], { caller });
      expect(who.out).toBe("1000\n1000\n1000 29\n/srv/worker\nCapEff:\t0000000000000000\n");
      expect((await scene.run(["exec", "-u", "nobody-here", kept.name, "id"], { caller })).code).toBe(125);
    }
  });

  test("-t: a terminal of the container's, as large as the caller's", async () => {
    await using kept = await box();
    const pty = openPty(scene, scene.command(caller, ["exec", "-it", kept.name, "sh", "-c", "tty; stty size; echo $TERM; read x; echo \"<$x>\"; exit 6"]), caller);
    await pty.until("xterm");
    await pty.becomes("raw");
    pty.type("word\r");
    const { code, text, cooked } = await pty.ended();
    expect({ code, cooked }).toEqual({ code: 6, cooked: true });
    expect(text).toMatch(/^\/dev\/pts\/\d+\r\n33 91\r\nxterm\r\nword\r\n<word>\r\n/);
  });

  test("signals reach it, and its own end ends nothing else", async () => {
    await using kept = await box();
    const held = scene.hold(["exec", "-i", kept.name, "sh", "-c", "trap 'echo got; exit 9' TERM; echo up; while :; do sleep 0.02; done"], { caller });
    expect(await held.line()).toBe("up");
    held.kill("SIGTERM");
    expect(await held.ended()).toMatchObject({ code: 9, out: "up\ngot\n" });
    expect((await exec(kept.name, "true")).code).toBe(0);
    // What an exec leaves behind goes to its own reaper, and with the container.
    expect((await exec(kept.name, "sh", "-c", "(sleep 600 & sleep 601 & exit 0) > /dev/null 2>&1")).code).toBe(0);
  });

  test("-d leaves it alone; it ends with the container", async () => {
    await using kept = await box();
    expect(await scene.run(["exec", "-d", kept.name, "sh", "-c", "echo x > /tmp/made; exec sleep 602"], { caller })).toEqual({ code: 0, out: "", err: "" });
    const found = async (): Promise<boolean> => (await exec(kept.name, "sh", "-c", "ps -o args | grep -q 'sleep 60[2]' && cat /tmp/made")).out === "x\n";
    expect(await found()).toBe(true);
    expect((await scene.run(["exec", "-d", kept.name, "no-such-program"], { caller })).code).toBe(127);
  });

  test("when the container ends, so do those that were added", async () => {
    await using kept = await box();
    const held = scene.hold(["exec", "-i", kept.name, "sh", "-c", "echo up; exec sleep 600"], { caller });
    expect(await held.line()).toBe("up");
    await kept.output("kill");
    expect((await held.ended()).code).toBe(137);
  });

  test("what does not run, --privileged and what is not there are refused", async () => {
    await using made = await keep(scene, caller, ["create", "@", "true"]);
    expect((await exec(made.name, "true")).err).toContain("[CONFLICT]");
    expect((await exec("no-such-container", "true")).err).toContain("[NOT_FOUND]");
    await using kept = await box();
    const privileged = await scene.run(["exec", "--privileged", kept.name, "true"], { caller });
    expect([privileged.code, privileged.err.includes("[REFUSED_UNSAFE]")]).toEqual([125, true]);
  });
});

needs("root")("a foreground container takes one, too", async () => {
  const held = scene.hold(["run", "-i", "@", "sh", "-c", "echo $$ up; exec cat"]);
  expect(await held.line()).toBe("2 up");
  await until(() => readFileSync(`/proc/${held.pid}/cmdline`, "utf8").split("\0").length > 1);
  const name = readFileSync(`/proc/${held.pid}/cmdline`, "utf8").split("\0")[1] ?? "";
  expect((await scene.run(["exec", name, "cat", "/proc/2/comm"])).out).toBe("cat\n");
  await held.end();
});
