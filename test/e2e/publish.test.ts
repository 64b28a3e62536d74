/** Published ports: who connects to a port of the host is connected to the container, and nothing goes the other way. Inside, busybox' nc answers. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { needs } from "../parts.ts";
import { childrenOf, openPty } from "../pty.ts";
import { CALLERS, openScene } from "../scene.ts";
import { until } from "../until.ts";
import { isAlive, keep } from "./kept.ts";
import type { KeptContainer } from "./kept.ts";
import { connectTo, reach } from "./tcp-client.ts";

const scene = openScene();
/** Each l is a place in the queue of busybox' nc, and two are for more than one connection. */
const listening = (port: number, ...more: readonly string[]): string[] => ["nc", `-${"l".repeat(300)}`, "-p", String(port), ...more];
const ECHO = listening(80, "-e", "cat");
const MEGABYTE = new Uint8Array(1 << 20).map((_, i) => (i * 31 + (i >> 8)) & 255);

/** Whether a socket in this state (proc(5), net/tcp: 01 is established, 0A listens) is at that port in the network namespace of a process. */
function hasSocket(pid: number, port: number, state: string): boolean {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = ["tcp", "tcp6"].flatMap((file) => readFileSync(`/proc/${pid}/net/${file}`, "utf8").split("\n"));
  return lines.map((line) => line.trim().split(/ +/)).some((words) => words[1]?.endsWith(local) === true && words[3] === state);
}

const initOf = (box: KeptContainer): number => readFileSync(`${box.directory}/status`).readInt32LE(8);
const relayOf = (supervisor: number): number => childrenOf(supervisor).get("pidbox-port") ?? 0;

/** Waits until a server of the container listens. */
async function served(box: KeptContainer, port = 80): Promise<void> {
  await until(() => hasSocket(initOf(box), port, "0A"));
}

/** A port of 127.0.0.1 that a server of this test has. */
async function taken(): Promise<{ readonly port: number } & AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port ?? 0 : 0;
  return {
    port,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function echoes(place: string, text = "hello"): Promise<void> {
  using client = await reach(place);
  client.send(text);
  expect(String(await client.received(text.length))).toBe(text);
  client.end();
  expect(await client.ended()).toEqual({ bytes: Buffer.from(text), how: "end" });
}

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test("bytes go both ways, and the end of one way leaves the other open; port, inspect, ps and verify say where", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "-p", "80", "-p", "0:81/tcp", "@", ...ECHO]);
    await served(box);
    const place = await box.output("port");
    const [, first = "", second = ""] = /^80\/tcp -> (127\.0\.0\.1:\d+)\n81\/tcp -> (127\.0\.0\.1:\d+)$/.exec(place) ?? [];
    await echoes(first);
    const ported = async (...words: string[]) => scene.run(["port", box.name, ...words], { caller });
    expect(await ported("80")).toEqual({ code: 0, out: `${first}\n`, err: "" });
    expect((await ported("80/TCP")).out).toBe(`${first}\n`);
    const { code, out, err } = await ported("82");
    expect([code, out, err.split("\n")[0]]).toEqual([1, "", `pidbox: No public port '82/tcp' published for ${box.name} [NOT_FOUND]`]);
    expect((await ported("80/udp")).err).toStartWith(`pidbox: No public port '80/udp' published for ${box.name}`);
    expect(JSON.parse((await scene.run(["port", "--format", "json", box.name, "81"], { caller })).out)).toEqual({
      ContainerPort: "81/tcp", HostIp: "127.0.0.1", HostPort: second.split(":")[1] ?? "",
    });
    const [document] = JSON.parse((await box.run("inspect")).out) as [Record<string, Record<string, unknown>>];
    const [bindings, ports] = [first, second].map((at) => [{ HostIp: "127.0.0.1", HostPort: at.split(":")[1] }]);
    expect(document["NetworkSettings"]?.["Ports"]).toEqual({ "80/tcp": bindings, "81/tcp": ports });
    const asked = [{ HostIp: "127.0.0.1", HostPort: "" }];
    expect(document["HostConfig"]?.["PortBindings"]).toEqual({ "80/tcp": asked, "81/tcp": asked });
    expect(document["Config"]?.["ExposedPorts"]).toEqual({ "80/tcp": {}, "81/tcp": {} });
    const listed = await scene.run(["ps", "--filter", `name=${box.name}`, "--format", "{{.Ports}}"], { caller });
    expect(listed.out).toBe(`${first}->80/tcp, ${second}->81/tcp\n`);
    expect((await scene.run(["ps"], { caller })).out).toContain(`publishes ${first}->80/tcp, ${second}->81/tcp`);
    expect((await box.run("verify")).out).toContain(`Published, for connections from the host to the container alone: ${first}->80/tcp, ${second}->81/tcp.`);
    expect(await box.output("stop", "-t", "0")).toBe(box.name);
    expect([await connectTo(first), await box.output("port")]).toEqual([undefined, ""]);
    expect((await ported("80")).code).toBe(1);
  });

  test("much goes both ways at once, and in a hundred connections at once, without a byte in another", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "-p", "80", "@", ...ECHO]);
    await served(box);
    const place = await scene.output(["port", box.name, "80"], { caller });
    using large = await reach(place);
    large.send(MEGABYTE);
    expect((await large.received(MEGABYTE.length)).equals(MEGABYTE)).toBe(true);
    large.end();
    expect((await large.ended()).how).toBe("end");
    const clients = await Promise.all(Array.from({ length: 100 }, () => reach(place)));
    const texts = clients.map((_, i) => `${i} `.repeat(1000));
    clients.forEach((client, i) => {
      client.send(texts[i] ?? "");
      client.end();
    });
    const ends = await Promise.all(clients.map((client) => client.ended()));
    expect(ends.map(({ bytes, how }) => [String(bytes), how])).toEqual(texts.map((text) => [text, "end"]));
    const relay = relayOf(box.supervisor());
    await until(() => readdirSync(`/proc/${relay}/fd`).length === 2);
    expect(Number(/^Pss: +(\d+) kB$/m.exec(readFileSync(`/proc/${relay}/smaps_rollup`, "utf8"))?.[1])).toBeLessThan(60);
  });

  test("a client beyond the two hundred and fifty-sixth waits until one has gone", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "-p", "80", "@", ...ECHO]);
    await served(box);
    const place = await scene.output(["port", box.name, "80"], { caller });
    const clients = await Promise.all(Array.from({ length: 256 }, () => reach(place)));
    for (const client of clients) client.send("1");
    for (const client of clients) await client.received(1);
    using late = await reach(place);
    late.send("late");
    for (const client of clients) client.send("2");
    for (const client of clients) await client.received(2);
    expect(late.count()).toBe(0);
    clients[100]?.end();
    expect(String(await late.received(4))).toBe("late");
    for (const client of clients) client.reset();
    await echoes(place);
  });

  test("a reset goes through to the server, and one of the server's to the client", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "-p", "80", "-p", "81", "@", "sh", "-c", `${listening(81, "-e", "sleep", "600").join(" ")} & exec ${ECHO.join(" ")}`]);
    await served(box);
    await served(box, 81);
    const [first = "", second = ""] = (await box.output("port")).split("\n").map((line) => line.split(" -> ")[1] ?? "");
    using client = await reach(first);
    client.send("x");
    await client.received(1);
    client.reset();
    await until(() => !hasSocket(initOf(box), 80, "01"));
    using unheard = await reach(second);
    unheard.send(MEGABYTE);
    await until(() => hasSocket(initOf(box), 81, "01"));
    expect(await box.output("kill")).toBe(box.name);
    expect((await unheard.ended()).how).toBe("reset");
    await box.output("wait");
    expect(await connectTo(first)).toBeUndefined();
  });

  test("where nothing listens inside, a client is cut off; ::1 is tried where 127.0.0.1 refuses", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "-p", "80", "-p", "81", "@", "httpd", "-f", "-p", "[::1]:81"]);
    await served(box, 81);
    const [absent = "", there = ""] = (await box.output("port")).split("\n").map((line) => line.split(" -> ")[1] ?? "");
    const refused = await connectTo(absent);
    if (refused !== undefined) expect(await refused.ended()).toEqual({ bytes: Buffer.alloc(0), how: "reset" });
    using client = await reach(there);
    client.send("GET / HTTP/1.0\r\n\r\n");
    expect(String((await client.ended()).bytes)).toStartWith("HTTP/1.");
  });

  needs("ipv6")("ports of ::1 and of all addresses are as docker spells them", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "-p", "[::1]::80", "-p", "0.0.0.0::80", "-p", "[::]::80", "@", ...ECHO]);
    await served(box);
    const lines = (await box.output("port")).split("\n");
    const places = lines.map((line) => /^80\/tcp -> ((?:\[::1\]|0\.0\.0\.0|\[::\]):\d+)$/.exec(line)?.[1] ?? line);
    for (const place of places) await echoes(place.replace("[::]", "[::1]").replace("0.0.0.0", "127.0.0.1"));
    // An address of IPv6 alone is no door for the other family.
    expect(await connectTo(`127.0.0.1:${(places[2] ?? "").slice("[::]:".length)}`)).toBeUndefined();
  });

  test("what the container says before its end is heard, however slow the listener", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "-p", "80", "@", "nc", "-l", "-p", "80", "-e", "head", "-c", "200000", "/dev/zero"]);
    await served(box);
    using client = await reach(await scene.output(["port", box.name, "80"], { caller }));
    client.pause();
    // The program is gone before anything is read: all lies in the buffers of the kernel.
    await until(() => readFileSync(`${box.directory}/status`).readInt32LE(4) === 2);
    client.resume();
    const { bytes, how } = await client.ended();
    expect([bytes.length, how]).toEqual([200_000, "end"]);
  });

  test("an address in use is exit 125 with the port and a way on, and nothing is left, in the background or not", async () => {
    await using other = await taken();
    for (const flags of [[], ["-d"], ["-d", "--rm=false"]]) {
      const { code, out, err } = await scene.run(["run", ...flags, "-p", "80", "-p", `${other.port}:80`, "@", "true"], { caller });
      expect([code, out]).toEqual([125, ""]);
      expect(err).toContain(`--publish 127.0.0.1:${other.port}->80/tcp`);
      expect(err).toContain("EADDRINUSE");
      expect(err).toContain("[CONFLICT]\n  hint: Another program listens there");
    }
  });

  test("a container that was created is reached once it is started; start binds again", async () => {
    let port = 0;
    {
      await using free = await taken();
      port = free.port;
    }
    await using box = await keep(scene, caller, ["create", "-p", `${port}:80`, "@", ...ECHO]);
    expect([await connectTo(`127.0.0.1:${port}`), await box.output("port")]).toEqual([undefined, ""]);
    for (const verb of ["start", "restart"]) {
      await box.output(verb);
      await served(box);
      expect(await box.output("port")).toBe(`80/tcp -> 127.0.0.1:${port}`);
      await echoes(`127.0.0.1:${port}`);
    }
    await box.output("stop", "-t", "0");
    expect(await connectTo(`127.0.0.1:${port}`)).toBeUndefined();
  });

  test("many ports and many mounts have descriptors of their own", async () => {
    const mounts = Array.from({ length: 70 }, (_, i) => ["-v", `${scene.rootOf(caller)}/etc:/mnt/${i}:ro`]).flat();
    await using box = await keep(scene, caller, ["run", "-d", "-p", "80-140", ...mounts, "@", "sh", "-c", `${listening(140, "-e", "cat").join(" ")} & exec ${ECHO.join(" ")}`]);
    await served(box);
    await served(box, 140);
    const places = (await box.output("port")).split("\n").map((line) => line.split(" -> ")[1] ?? "");
    expect(places).toHaveLength(61);
    await echoes(places[0] ?? "");
    await echoes(places[60] ?? "");
    expect((await scene.run(["ps", "--filter", `name=${box.name}`], { caller })).out).toMatch(/publishes ([\d.:]+->\d+\/tcp, ){3}58 ports more/);
  });

  test("a restart by policy keeps the port that the kernel has chosen", async () => {
    await using box = await keep(scene, caller, ["run", "-d", "--restart", "always", "-p", "80", "@", "nc", "-l", "-p", "80", "-e", "cat"]);
    await served(box);
    const place = await box.output("port");
    for (let count = 0; count < 2; count++) {
      const init = initOf(box);
      await echoes(place.split(" -> ")[1] ?? "");
      await until(() => initOf(box) !== init && existsSync(`/proc/${initOf(box)}`) && hasSocket(initOf(box), 80, "0A"));
      expect(await box.output("port")).toBe(place);
    }
    expect(await box.output("stop", "-t", "0")).toBe(box.name);
  });

  test("in the foreground it is the same, time and again, and the program's exit code is pidbox's", async () => {
    for (let count = 0; count < 3; count++) {
      const held = scene.hold(["run", "-i", "--name", `publisher-${process.pid}`, "-p", "80", "@", "sh", "-c", `${ECHO.join(" ")} & echo up; read x; exit 7`], { caller });
      expect(await held.line()).toBe("up");
      const relay = relayOf(held.pid);
      await until(() => hasSocket(relay, 80, "0A"));
      const place = await scene.output(["port", `publisher-${process.pid}`, "80"], { caller });
      await echoes(place);
      expect((await held.end()).code).toBe(7);
      expect([await connectTo(place), isAlive(relay)]).toEqual([undefined, false]);
    }
  });

  test("the relay has no capability, no file and nothing of the container's but its network; with a terminal the guard has no socket of it", async () => {
    const name = `guarded-${caller}-${process.pid}`;
    const pty = openPty(scene, scene.command(caller, ["run", "-it", "--name", name, "-p", "80", "@", "sh", "-c", `${ECHO.join(" ")} & echo up; read x`]), caller);
    await pty.until("up");
    const children = childrenOf(pty.pid());
    const [relay = 0, guard = 0, init = 0] = ["pidbox-port", "pidbox-tty", "pidbox-init"].map((one) => children.get(one) ?? 0);
    const status = readFileSync(`/proc/${relay}/status`, "utf8");
    for (const line of ["CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "Threads:\t1"]) expect(status).toContain(`${line}\n`);
    expect(status).toMatch(/^NSpid:\t\d+$/m);
    const namespace = (pid: number, type: string): string => readlinkSync(`/proc/${pid}/ns/${type}`);
    expect(["net", "pid", "mnt"].map((type) => namespace(relay, type) === namespace(init, type))).toEqual([true, false, false]);
    const files = (pid: number): string[] => readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\d+/, "N")).toSorted();
    expect(files(relay)).toEqual(["anon_inode:[pidfd]", "socket:[N]"]);
    const sockets = (pid: number): string[] => readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`)).filter((file) => file.startsWith("socket:"));
    expect(sockets(relay)).toHaveLength(1);
    expect([guard, pty.pid(), init].flatMap(sockets).filter((file) => sockets(relay).includes(file))).toEqual([]);
    expect(readFileSync(`/proc/${relay}/cgroup`, "utf8")).not.toContain("/pidbox/");
    const place = await scene.output(["port", name, "80"], { caller });
    process.kill(relay, "SIGKILL");
    await until(() => !isAlive(relay));
    expect(await connectTo(place)).toBeUndefined();
    pty.type("\r");
    expect((await pty.ended()).code).toBe(0);
  });

  test.each(["the relay", "the supervisor"])("when %s is killed nobody listens, and nothing is left in the end", async (who) => {
    await using box = await keep(scene, caller, ["run", "-d", "-p", "80", "@", ...ECHO]);
    await served(box);
    const place = await scene.output(["port", box.name, "80"], { caller });
    using client = await reach(place);
    client.send("x");
    await client.received(1);
    const [supervisor, init] = [box.supervisor(), initOf(box)];
    const relay = relayOf(supervisor);
    process.kill(who === "the relay" ? relay : supervisor, "SIGKILL");
    await until(() => !isAlive(relay));
    expect([(await client.ended()).how !== undefined, await connectTo(place)]).toEqual([true, undefined]);
    if (who === "the relay") expect(isAlive(init)).toBe(true);
    else await until(() => !isAlive(init));
    expect((await scene.run(["gc"], { caller })).code).toBe(0);
  });

  test("--verify holds a container with ports as any other, and cp looks into one that has ended without taking its ports", async () => {
    await using box = await keep(scene, caller, ["create", "-p", "80", "@", "true"]);
    expect((await scene.run(["cp", `${box.name}:/etc/passwd`, "-"], { caller })).code).toBe(0);
    expect(existsSync(`${box.directory}/ports`)).toBe(false);
    const { code, err } = await scene.run(["run", "-p", "80", "--verify", "@", "true"], { caller });
    if (caller === "root") expect([code, err]).toEqual([0, expect.stringContaining("all hold")]);
    expect(err).not.toContain("children");
    expect(statSync(box.directory).isDirectory()).toBe(true);
  });

  test("what cannot be published is refused before anything is made", async () => {
    for (const [value, why] of [["80/udp", "only TCP can be published"], ["x", "no port of the container"], ["nowhere:80:80", "no IP address"]] as const) {
      const { code, err } = await scene.run(["run", "-p", value, "@", "true"], { caller });
      expect([value, code, err.split("\n")[0]]).toEqual([value, 125, expect.stringContaining(why)]);
    }
    const { code, err } = await scene.run(["run", "-p", "192.0.2.77:0:80", "@", "true"], { caller });
    expect([code, err]).toEqual([125, expect.stringContaining("EADDRNOTAVAIL")]);
  });
});

test("a container in the PID namespace of another has its own network, and its own ports", async () => {
  if (!CALLERS.includes("root")) return;
  await using first = await keep(scene, "root", ["run", "-d", "@", "sleep", "600"]);
  await using second = await keep(scene, "root", ["run", "-d", "--pid", `container:${first.name}`, "-p", "80", "@", ...ECHO]);
  await served(second);
  await echoes(await scene.output(["port", second.name, "80"]));
});
