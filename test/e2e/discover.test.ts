/** Real containers of other programs, found on this host with the right PIDs on both sides. Each says its own PID and ends when its stdin does. */
import { afterEach, expect } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type Container } from "../../src/engine/discover.ts";
import { readSurvey, selectTarget, type Survey } from "../../src/engine/discover-survey.ts";
import { findInside, locate } from "../../src/engine/discover-tree.ts";
import { ps } from "../../src/verbs/ps.ts";
import { top } from "../../src/verbs/top.ts";
import { tree } from "../../src/verbs/tree.ts";
import type { Arguments, Context } from "../../src/verbs/verb.ts";
import { needs } from "../parts.ts";
import { BOUNDED } from "../until.ts";

const SAY = "echo $$; exec cat";
const started: (() => Promise<void>)[] = [];

/** Starts a command that writes a PID inside and becomes cat; waits for that line, and for an empty one back, which only cat writes. */
async function start(command: readonly string[], cwd = "/"): Promise<number> {
  const child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "pipe", cwd, ...BOUNDED });
  const stop = async (): Promise<void> => {
    await child.stdin.end();
    await child.exited;
  };
  started.push(stop);
  const reader = child.stdout.getReader();
  let text = "";
  void child.stdin.write("\n");
  void child.stdin.flush();
  while (!/\n[^]*\n/.test(text)) {
    const part = await reader.read();
    if (part.done) break;
    text += new TextDecoder().decode(part.value);
  }
  if (!/^[0-9]+\n/.test(text)) throw new Error(`${command.join(" ")}: ${text}${await new Response(child.stderr).text()}`);
  return Number(text.split("\n")[0]);
}

afterEach(async () => {
  for (const stop of started.splice(0)) await stop();
});

/** The containers of an engine that this test is an ancestor of. */
function childrenOf(view: Survey, engine: Container["engine"]): Container[] {
  const mine = (pid: number): boolean => {
    let p = view.processes.get(pid);
    for (let steps = 0; p !== undefined && p.parent !== process.pid && steps < 50; steps++) p = view.processes.get(p.parent);
    return p?.parent === process.pid;
  };
  return view.containers.filter((c) => c.engine === engine && c.initPid !== null && mine(c.initPid));
}

/** The one container of ours of that engine, checked from both sides. */
function expectFound(view: Survey, engine: Container["engine"], inside: number): Container {
  const [container, ...more] = childrenOf(view, engine);
  if (container === undefined) throw new Error(`no ${engine} container among ${view.containers.map((c) => `${c.engine} ${c.id}`).join(", ")}`);
  expect(more).toEqual([]);
  const process = findInside(view, container, inside);
  expect(locate(view, process)).toMatchObject({ container, process: { name: "cat" } });
  expect(selectTarget(view, `pid:${process.pid}`).container).toBe(container);
  expect(view.processes.get(container.initPid ?? 0)?.pids.at(-1)).toBe(1);
  return container;
}

function run(verb: typeof ps, operands: readonly string[], options: Readonly<Record<string, string>> = {}): { data: unknown; text: string } {
  const args: Arguments = {
    flag: (name) => options[name] === "true", value: (name) => options[name], values: (name) => (options[name] === undefined ? [] : [options[name]]), operands,
  };
  const terminal = { stdin: false, stdout: false, stderr: false };
  const context: Context = { environment: {}, executable: "/pidbox", cwd: "/", argv: [], terminal, note: () => undefined, write: () => 0 };
  const outcome = verb.run(args, context);
  if (outcome instanceof Promise) throw new Error(`${verb.name} is not expected to wait`);
  return { data: outcome.data, text: outcome.text?.() ?? "" };
}

needs("root")("unshare: ps, top and tree show the same process from both sides", async () => {
  const inside = await start(["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", SAY]);
  expect(inside).toBe(1);
  const view = readSurvey();
  const container = expectFound(view, "unshare", inside);
  expect(container.id).toBe(`pidns-${container.namespaces.pid}`);
  expect(container.sharedWithHost).toEqual(expect.arrayContaining(["user", "net", "ipc", "uts"]));
  expect(container.sharedWithHost).not.toContain("pid");
  expect(Math.abs((container.since ?? 0) - Date.now())).toBeLessThan(60_000);

  const host = container.initPid ?? 0;
  expect(run(ps, [], { filter: `pid=${host}` }).data).toMatchObject([{ id: container.id, engine: "unshare", initPid: host, userMap: "host" }]);
  expect(run(ps, [], { filter: `pid=${host}`, quiet: "true" }).text).toBe(`${container.id}\n`);
  expect(run(top, [container.id]).data).toMatchObject({ processes: [{ pid: host, pids: [host, 1], uid: 0, user: "root", uidInside: 0, command: ["cat"] }] });
  expect(run(tree, [`pid:${host}`]).data).toMatchObject({ pid: host, pids: [host, 1], container: { id: container.id } });
  expect(run(tree, [], { inside: `${container.id}:1` }).data).toMatchObject({ pid: host });
  expect(run(tree, [container.id]).text).toContain(`${host} = 1  cat`);
});

needs("root")("unshare in unshare: three PIDs, and the inner one nested in the outer one", async () => {
  await start(["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", `unshare --pid --fork sh -c '${SAY}'; true`]);
  const view = readSurvey();
  const [outer, inner, ...more] = childrenOf(view, "unshare").toSorted((a, b) => a.depth - b.depth);
  expect(more).toEqual([]);
  expect(inner).toMatchObject({ parent: outer?.id as string, depth: (outer?.depth ?? 0) + 1 });
  const pids = view.processes.get(inner?.initPid ?? 0)?.pids;
  expect(pids).toHaveLength(inner?.depth ?? 0);
  expect(locate(view, findInside(view, inner as Container, 1)).levels.map((l) => l.pid)).toEqual([...(pids ?? [])]);
});

needs("bubblewrap")("bubblewrap: its own init is PID 1 and the program is not", async () => {
  const inside = await start(["bwrap", "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "sh", "-c", SAY]);
  expect(inside).toBe(2);
  const container = expectFound(readSurvey(), "bubblewrap", inside);
  expect(container.processes).toHaveLength(2);
  expect(container.sharedWithHost).not.toContain("user");
  expect(container.uidMap).toHaveLength(1);
});

needs("root", "runc", "busybox")("runc: the id comes from the program that started it", async () => {
  const bundle = mkdtempSync("/tmp/pidbox-discover-");
  try {
    mkdirSync(`${bundle}/rootfs/bin`, { recursive: true });
    chmodSync(bundle, 0o755);
    copyFileSync(Bun.which("busybox") ?? "/bin/busybox", `${bundle}/rootfs/bin/busybox`);
    for (const name of ["sh", "cat"]) symlinkSync("busybox", `${bundle}/rootfs/bin/${name}`);
    for (const name of ["proc", "sys", "dev"]) mkdirSync(`${bundle}/rootfs/${name}`);
    const namespaces = ["pid", "mount", "ipc", "uts"].map((type) => ({ type }));
    const mounts = [{ destination: "/proc", type: "proc", source: "proc" }, { destination: "/dev", type: "tmpfs", source: "tmpfs" }];
    const own = { args: ["/bin/sh", "-c", SAY], cwd: "/", user: { uid: 0, gid: 0 }, env: ["PATH=/bin"], terminal: false };
    const config = { ociVersion: "1.0.2", process: own, root: { path: "rootfs", readonly: true }, mounts, linux: { namespaces, cgroupsPath: `/pidbox-test-${process.pid}` } };
    writeFileSync(`${bundle}/config.json`, JSON.stringify(config));
    const id = `discover-${process.pid}`;
    const inside = await start(["runc", "--root", `${bundle}/state`, "run", id], bundle);
    expect(inside).toBe(1);
    const container = expectFound(readSurvey(), "runc", inside);
    expect(container).toMatchObject({ id, name: id, cgroup: `/pidbox-test-${process.pid}` });
    expect(container.sharedWithHost).toContain("net");
    expect(run(top, [id]).data).toMatchObject({ id, cgroup: { pids: 1 }, processes: [{ command: ["cat"] }] });
  } finally {
    for (const stop of started.splice(0)) await stop();
    rmSync(bundle, { recursive: true });
  }
});

needs("root")("an unprivileged caller finds the same container and reports its namespaces as unknown", async () => {
  await start(["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", SAY]);
  const [mine] = childrenOf(readSurvey(), "unshare");
  const program = `
    import { readSurvey } from "${new URL("../../src/engine/discover-survey.ts", import.meta.url).pathname}";
    console.log(JSON.stringify(readSurvey().containers.find((c) => c.initPid === ${mine?.initPid ?? 0}) ?? null));`;
  const other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const child = Bun.spawnSync([...other, process.execPath, "-e", program], { env: { PATH: "/usr/bin:/bin", HOME: "/" } });
  const found = JSON.parse(child.stdout.toString() || "null") as Container | null;
  if (found === null) throw new Error(`nothing found: ${child.stderr.toString()}`);
  expect(found.processes).toEqual([...(mine?.processes ?? [])]);
  expect(found.unknown).toEqual(["user", "mnt", "net", "ipc", "uts", "cgroup", "time"]);
  expect(found.sharedWithHost).toEqual([]);
});
