/** cp: files into containers and out of them, as root and as an unprivileged user. */
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { needs } from "../parts.ts";
import { CALLERS, openScene } from "../scene.ts";
import { until } from "../until.ts";
import { freshName, keep } from "./kept.ts";

const scene = openScene();

const STATES = ["running", "created", "ended"] as const;

/** In a directory of its own on the host. */
function place(what: string): string {
  return scene.makeDirectory(freshName(what));
}

describe.each(CALLERS.flatMap((caller) => STATES.map((state) => [caller, state] as const)))("as %s, %s", (caller, state) => {
  const words = ["--tmpfs", "/memory", "@", "sh", "-c", "mkdir -p /data/sub; echo one > /data/one; ln -s one /data/link; ln /data/one /data/sub/same; chmod 4755 /data/one; umask 0; mkfifo /data/fifo; exec sleep 60"];
  const box = async (): Promise<Awaited<ReturnType<typeof keep>>> => {
    const made = await keep(scene, caller, [...(state === "created" ? ["create"] : ["run", "-d"]), ...words]);
    if (state !== "created") await until(() => existsSync(`${scene.dataOf(caller)}/layers/${made.id}/upper/data/fifo`));
    if (state === "ended") await made.output("stop", "-t", "0");
    return made;
  };
  const copy = (...operands: readonly string[]): ReturnType<typeof scene.run> => scene.run(["cp", ...operands], { caller });

  test("a file in and out again, under another name, into a directory, through a link", async () => {
    await using made = await box();
    const here = place("copies");
    writeFileSync(`${here}/file`, "hello");
    chmodSync(`${here}/file`, 0o644);
    expect(await copy(`${here}/file`, `${made.name}:/renamed`)).toMatchObject({ code: 0, out: "", err: "" });
    expect(await copy(`${here}/file`, `${made.name}:/etc`)).toMatchObject({ code: 0, err: "" });
    expect(await copy(`${made.name}:/etc/file`, `${here}/back`)).toMatchObject({ code: 0, err: "" });
    expect(readFileSync(`${here}/back`, "utf8")).toBe("hello");
    expect(statSync(`${here}/back`).mode & 0o7777).toBe(0o644);
    expect(Math.abs(statSync(`${here}/back`).mtimeMs - statSync(`${here}/file`).mtimeMs)).toBeLessThan(2);
    const upper = `${scene.dataOf(caller)}/layers/${made.id}/upper`;
    expect(readFileSync(`${upper}/renamed`, "utf8")).toBe("hello");
    // On disk are the ids of inside: its root's.
    expect(statSync(`${upper}/renamed`).uid).toBe(caller === "root" ? 0 : statSync(scene.rootOf(caller)).uid);
    mkdirSync(`${here}/real`);
    chmodSync(`${here}/real`, 0o777);
    symlinkSync("real", `${here}/link`);
    expect((await copy(`${made.name}:/etc/file`, `${here}/link`)).code).toBe(0);
    expect(readdirSync(`${here}/real`)).toEqual(["file"]);
    if (state === "running") expect((await scene.run(["exec", made.name, "cat", "/renamed"], { caller })).out).toBe("hello");
  });

  test("archives out and in", async () => {
    await using made = await box();
    const here = place("archives");
    const listed = Bun.spawn(scene.command(caller, ["cp", `${made.name}:/etc/passwd`, "-"]), { env: scene.environment(caller), stdout: "pipe" });
    expect(Bun.spawnSync(["tar", "-xO"], { stdin: new Uint8Array(await new Response(listed.stdout).arrayBuffer()) }).stdout.toString()).toContain("root:x:0");
    mkdirSync(`${here}/tree/deep`, { recursive: true });
    writeFileSync(`${here}/tree/deep/${"n".repeat(150)}`, "long");
    symlinkSync("../../etc", `${here}/tree/up`);
    const archive = new Uint8Array(Bun.spawnSync(["tar", "-C", here, "--owner=0", "--group=0", "-c", "tree"]).stdout);
    expect(await scene.run(["cp", "-", `${made.name}:/etc`], { caller, input: archive })).toMatchObject({ code: 0, err: "" });
    expect((await copy(`${made.name}:/etc/tree/.`, `${here}/copy`)).err).toBe("");
    expect(readFileSync(`${here}/copy/deep/${"n".repeat(150)}`, "utf8")).toBe("long");
    expect(readlinkSync(`${here}/copy/up`)).toBe("../../etc");
    expect((await scene.run(["cp", "-", `${made.name}:/no-such-directory`], { caller, input: archive })).err).toContain("[NOT_FOUND]");
    expect((await scene.run(["cp", "-", `${made.name}:/etc`], { caller, input: new Uint8Array(1024).fill(0x41) })).err).toContain("[PARSE]");
  });

  if (state !== "created") test("a tree out: links, hard links, holes, and no set-user-ID bit", async () => {
    await using made = await box();
    const here = place("trees");
    expect(await copy(`${made.name}:/data`, here)).toMatchObject({ code: 0, err: "" });
    expect(readlinkSync(`${here}/data/link`)).toBe("one");
    expect(lstatSync(`${here}/data/sub/same`).ino).toBe(lstatSync(`${here}/data/one`).ino);
    expect(lstatSync(`${here}/data/one`).mode & 0o7777).toBe(0o755);
    expect(lstatSync(`${here}/data/fifo`).isFIFO()).toBe(true);
    expect(await copy(`${made.name}:/data/link`, `${here}/itself`)).toMatchObject({ code: 0 });
    expect(lstatSync(`${here}/itself`).isSymbolicLink()).toBe(true);
    expect(await copy("-L", `${made.name}:/data/link`, `${here}/followed`)).toMatchObject({ code: 0 });
    expect(readFileSync(`${here}/followed`, "utf8")).toBe("one\n");
    writeFileSync(`${here}/plain`, "");
    expect((await copy(`${made.name}:/data`, `${here}/plain`)).err).toContain("it is no directory");
    rmSync(here, { recursive: true });
  });

  test("links of the container lead nowhere else", async () => {
    await using made = await box();
    const here = place("links");
    writeFileSync(`${here}/secret`, "of the host");
    symlinkSync(`${here}/secret`, `${here}/out`);
    symlinkSync("/etc", `${here}/etc-link`);
    expect((await copy(`${here}/out`, `${made.name}:/out`)).code).toBe(0);
    expect((await copy(`${here}/etc-link`, `${made.name}:/inner`)).code).toBe(0);
    // Followed, it is looked for in the container.
    expect((await copy("-L", `${made.name}:/out`, `${here}/stolen`)).err).toContain("[NOT_FOUND]");
    writeFileSync(`${here}/new`, "x");
    expect((await copy(`${here}/new`, `${made.name}:/inner/new`)).code).toBe(0);
    expect(existsSync("/etc/new")).toBe(false);
    expect((await copy(`${made.name}:/etc/new`, `${here}/back`)).code).toBe(0);
    expect((await copy(`${made.name}:/../../../..${here}/secret`, `${here}/back`)).err).toContain("[NOT_FOUND]");
    expect((await copy(`${made.name}:/proc/1/status`, `${here}/status`)).err).toContain("[HOST_UNSUPPORTED]");
  });
});

needs("root")("of one that shares another's PID namespace, or writes to a directory itself, whoever runs", async () => {
  await using other = await keep(scene, "root", ["create", "@", "true"]);
  await using host = await keep(scene, "root", ["run", "-d", "@", "sleep", "60"]);
  await using guest = await keep(scene, "root", ["create", `--pid=container:${host.name}`, "@", "true"]);
  await host.output("stop", "-t", "0");
  const here = place("shared");
  expect((await scene.run(["cp", `${guest.name}:/etc/passwd`, here])).err).toBe("");
  expect((await scene.run(["cp", "--", `${here}/passwd`, `${other.name}:/etc/copy`])).err).toBe("");
  expect(await other.output("diff")).toBe("C /etc\nA /etc/copy");
  expect(await other.output("inspect", "-f", "{{.State.Status}} {{.State.StartedAt}}")).toBe("created 0001-01-01T00:00:00Z");
  expect((await other.run("start", "-a")).code).toBe(0);
});

needs("root")("links that change while they are copied lead nowhere else", async () => {
  const here = place("races");
  writeFileSync(`${here}/secret`, "of the host");
  const swap = `mkdir -p /a${here} /real; echo inside > /real/secret; while :; do ln -sfn ${here} /x; ln -sfn /real /x; done`;
  await using box = await keep(scene, "root", ["run", "-d", "@", "sh", "-c", swap]);
  for (let i = 0; i < 20; i++) {
    const { code, err } = await scene.run(["cp", `${box.name}:/x/secret`, `${here}/copy-${i}`]);
    if (code === 0) expect(readFileSync(`${here}/copy-${i}`, "utf8")).toBe("inside\n");
    else expect(err).toMatch(/NOT_FOUND|IO/);
    await scene.run(["cp", `${here}/secret`, `${box.name}:/x/new`]);
    expect(readdirSync(here).includes("new")).toBe(false);
  }
});

test("what is copied where is told apart", async () => {
  for (const operands of [["a", "b"], ["a:/x", "b:/x"], ["-", "-"], ["./a:b", "/c:d"]]) expect((await scene.run(["cp", ...operands])).err).toContain("[USAGE]");
  expect((await scene.run(["cp", "no-such-box:/x", "."])).err).toContain("[NOT_FOUND]");
});

needs("root")("-a keeps the numbers of users, in both directions", async () => {
  await using made = await keep(scene, "root", ["run", "-d", "@", "sh", "-c", "echo x > /worker; chown 1000:29 /worker; exec sleep 60"]);
  const here = place("owners");
  await until(() => existsSync(`${scene.dataOf("root")}/layers/${made.id}/upper/worker`));
  expect((await scene.run(["cp", "-a", `${made.name}:/worker`, here])).err).toBe("");
  expect(statSync(`${here}/worker`)).toMatchObject({ uid: 1000, gid: 29 });
  expect((await scene.run(["cp", `${made.name}:/worker`, `${here}/plain`])).err).toBe("");
  expect(statSync(`${here}/plain`)).toMatchObject({ uid: 0, gid: 0 });
  expect((await scene.run(["cp", "-a", `${here}/worker`, `${made.name}:/again`])).err).toBe("");
  expect((await scene.run(["exec", made.name, "stat", "-c", "%u:%g", "/again"])).out).toBe("1000:29\n");
  await Bun.write(`${here}/foreign`, "x");
  Bun.spawnSync(["chown", "70000000", `${here}/foreign`]);
  expect((await scene.run(["cp", "-a", `${here}/foreign`, `${made.name}:/foreign`])).err).toContain("the container has no such user");
});
