/** What a published port opens, and what it does not: a shell in the container that anybody can reach still reaches nothing but the container. */
import { describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { childrenOf } from "../pty.ts";
import { CALLERS, openScene } from "../scene.ts";
import { keep } from "../e2e/kept.ts";
import type { KeptContainer } from "../e2e/kept.ts";
import { connectTo, reach } from "../e2e/tcp-client.ts";

const scene = openScene();
/** Says that it listens when it does. */
const SHELL = "nc -llll -p 80 -e sh 2>&1 & while ! netstat -ltn | grep -q :80; do :; done; echo up; sleep 600";

/** Runs a script by the published shell; what it writes, and the code of its last command. */
async function ask(place: string, script: string): Promise<string> {
  using client = await reach(place);
  client.send(`exec 2>&1\n${script}\necho "= $?"\nexit\n`);
  return String((await client.ended()).bytes);
}

/** Where the shell is reached, once it listens. */
async function shell(box: KeptContainer): Promise<string> {
  while (!(await box.output("logs")).includes("up")) await Bun.sleep(5);
  return (await box.output("port")).split(" -> ")[1] ?? "";
}

const relayOf = (box: KeptContainer): number => childrenOf(box.supervisor()).get("pidbox-port") ?? 0;

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test("neither a server of the host nor the container's own published port is there inside", async () => {
    const visitors: unknown[] = [];
    const server = createServer((socket) => {
      visitors.push(socket.remoteAddress);
      socket.destroy();
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port ?? 0 : 0;
    await using box = await keep(scene, caller, ["run", "-d", "-p", "80", "@", "sh", "-c", SHELL]);
    const at = await shell(box);
    for (const wanted of [port, Number(at.split(":")[1])]) expect(await ask(at, `nc -w 2 127.0.0.1 ${wanted}`)).toMatch(/refused|= 1\n$/);
    expect(await ask(at, "ls /sys/class/net; cat /proc/net/route | wc -l")).toBe("lo\n1\n= 0\n");
    expect(await ask(at, "nc -w 2 192.0.2.1 80")).toMatch(/unreachable[^]*= 1\n$/i);
    expect(visitors).toEqual([]);
    await new Promise((resolve) => server.close(resolve));
  });

  test("the relay is not to be seen, signalled or starved from inside", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "-p", "80", "@", "sh", "-c", SHELL]);
    const at = await shell(box);
    const relay = relayOf(box);
    expect(relay).toBeGreaterThan(0);
    expect(await ask(at, "cat /proc/[0-9]*/comm | sort -u")).not.toContain("pidbox-port");
    expect(await ask(at, `kill -9 ${relay}`)).toMatch(/No such process\n= 1\n$/);
    // All that it may kill, as its root: the shell itself and the program are among it, the relay is not.
    await ask(at, "kill -9 -1");
    expect(relayOf(box)).toBe(relay);
  });
});

test.skipIf(!CALLERS.includes("root"))("one that sees all processes of the host cannot signal the relay, for it is the host's root", async () => {
  await using box = await keep(scene, "root", ["run", "-d", "--pid=host", "--unsafe=pid-host", "-p", "80", "@", "sh", "-c", SHELL]);
  const at = await shell(box);
  const relay = relayOf(box);
  expect(await ask(at, `cat /proc/${relay}/comm; kill -9 ${relay}`)).toMatch(/^pidbox-port\n[^]*not permitted\n= 1\n$/i);
  expect(await ask(at, `ls -l /proc/${relay}/fd /proc/${relay}/root/`)).toMatch(/Permission denied[^]*= 1\n$/);
});

test.skipIf(!CALLERS.includes("root"))("one that governs its network can cut itself off, and nothing else", async () => {
  const flags = ["--cap-add", "NET_ADMIN", "--unsafe=capabilities"];
  await using box = await keep(scene, "root", ["run", "-d", ...flags, "-p", "80", "@", "sh", "-c", SHELL]);
  const at = await shell(box);
  const link = (state: string) => scene.run(["exec", box.name, "ip", "link", "set", "lo", state]);
  expect(await link("down")).toEqual({ code: 0, out: "", err: "" });
  using cut = await connectTo(at);
  cut?.send("echo too late\n");
  expect(await link("up")).toEqual({ code: 0, out: "", err: "" });
  expect(await ask(at, "ip route add default via 127.0.0.1 dev lo; nc -w 2 192.0.2.1 80")).toMatch(/= 1\n$/);
});
