/** What `pidbox audit` reads of a container that has things of the host: descriptors, sockets under another name, nodes, programs in memory. */
import { afterEach, expect } from "bun:test";
import { closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../parts.ts";

const PIDBOX = join(import.meta.dir, "../../dist/pidbox");

interface Result {
  readonly check: string;
  readonly verdict: string;
  readonly severity: string;
  readonly text: string;
  readonly evidence: readonly { readonly source: string }[];
}

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

function directory(): string {
  const path = mkdtempSync("/tmp/pidbox-audit-");
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Starts `script` in namespaces of its own; Returns the results of the given checks. */
async function audit(checks: string, script: string, extra: readonly number[] = []): Promise<Result[]> {
  const command = ["unshare", "--pid", "--mount", "--ipc", "--net", "--fork", "--kill-child", "--mount-proc", "sh", "-c", `${script}\necho ready; exec sleep 1000`];
  const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "inherit", ...extra] });
  cleanups.push(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  const ready = await child.stdout.getReader().read();
  if (ready.done) throw new Error("the container ended");
  const [first] = Bun.spawnSync(["ps", "-o", "pid=", "--ppid", String(child.pid)]).stdout.toString().trim().split(/\s+/);
  const { stdout, stderr } = Bun.spawnSync([PIDBOX, "audit", `pid:${first ?? ""}`, "--checks", checks, "--format", "json"]);
  if (stdout.length === 0) throw new Error(stderr.toString());
  return (JSON.parse(stdout.toString()) as { results: Result[] }).results;
}

const told = (results: readonly Result[]): string[] => results.map(({ check, verdict, severity }) => `${check} ${verdict} ${severity}`).toSorted((a, b) => (a < b ? -1 : 1));

needs("root")("a directory of the host that is left open is found, and a container without one passes", async () => {
  const root = openSync("/", "r");
  try {
    const results = await audit("P15", "true", [root]);
    expect(told(results)).toEqual(["P15 finding critical"]);
    expect(results[0]?.text).toContain("holds the directory / as 3, on a mount of the host");
  } finally {
    closeSync(root);
  }
  expect(told(await audit("P15,P16,P17", "true"))).toEqual(["P15 pass critical", "P16 pass critical", "P17 pass high"]);
});

needs("root")("an engine's socket is found where it is mounted under another name", async () => {
  const place = directory();
  const server = Bun.listen({ unix: `${place}/docker.sock`, socket: { data() { /* nothing is sent */ } } });
  cleanups.push(() => server.stop(true));
  mkdirSync(`${place}/inside`);
  writeFileSync(`${place}/inside/innocent`, "");
  const results = await audit("P04", `mount --bind ${place}/docker.sock ${place}/inside/innocent`);
  const renamed = results.find(({ text }) => text.startsWith(`${place}/inside/innocent `));
  expect(renamed).toMatchObject({ verdict: "finding", severity: "critical", text: `${place}/inside/innocent is the socket of docker, ${place}/docker.sock on the host` });
});

needs("root")("a node of a disk is found by its number, and blocked where its mount says nodev", async () => {
  const place = directory();
  const dev = `mount -t tmpfs tmpfs ${place} && mknod ${place}/innocent b 7 0 && mount --bind ${place} /dev`;
  const open = await audit("P03", dev);
  expect(open.find(({ text }) => text.includes("/dev/innocent (block device)"))).toMatchObject({ verdict: "finding", severity: "critical" });
  const shut = await audit("P03", `${dev} && mount -o remount,bind,nodev /dev`);
  expect(shut.find(({ text }) => text.includes("/dev/innocent (block device)"))).toMatchObject({ verdict: "blocked" });
});

needs("root")("set-uid programs in a root of its own are found, unless the mount is nosuid", async () => {
  const place = directory();
  const put = `mount -t tmpfs -o mode=755 tmpfs ${place} && cp /bin/sleep ${place}/aaa && chmod 4755 ${place}/aaa && mount --bind ${place} /usr/local/sbin`;
  const [result] = await audit("P20", put);
  expect(result).toMatchObject({ check: "P20", verdict: "finding", severity: "medium" });
  expect(result?.evidence.map(({ source }) => source.replace(/^.*root/, ""))).toContain("/usr/local/sbin/aaa");
});

needs("root")("a program that was removed after its start is found", async () => {
  const place = directory();
  copyFileSync("/bin/sleep", `${place}/sleep`);
  const results = await audit("I03", `${place}/sleep 1000 & while ! grep -q sleep /proc/$!/comm; do :; done; rm ${place}/sleep`);
  expect(results[0]).toMatchObject({ verdict: "finding", severity: "medium" });
  expect(results[0]?.text).toContain(`runs ${place}/sleep, which was removed`);
});
