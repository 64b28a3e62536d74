/** `pidbox audit` against containers that fight back: it ends, says what it could not read, follows nothing out of them, and prints nothing raw. */
import { afterAll, afterEach, expect } from "bun:test";
import { mkdirSync, mkdtempSync, readlinkSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AuditReport, Result } from "../../src/report/finding.ts";
import { initOf } from "../e2e/box.ts";
import { needs } from "../parts.ts";
import { BOUNDED, until } from "../until.ts";

const PIDBOX = join(import.meta.dir, "../../dist/pidbox");
const place = mkdtempSync("/tmp/pidbox-fights-");
afterAll(() => rmSync(place, { recursive: true, force: true }));
const hostile = join(place, "hostile");
const built = Bun.spawnSync(["cc", "-static", "-O1", "-Wall", "-Werror", "-o", hostile, join(import.meta.dir, "hostile.c")], { stderr: "inherit" });
if (built.exitCode !== 0) throw new Error("cc failed for hostile.c");

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

interface How {
  readonly env?: Record<string, string>;
  readonly before?: readonly string[];
}

/** Starts `script` in namespaces of its own, which says `ready`, with `$H` for hostile.c. Returns the host's PID of its first process. */
async function fight(script: string, { env = {}, before = [] }: How = {}): Promise<number> {
  const command = [...before, "unshare", "--pid", "--mount", "--ipc", "--net", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script];
  const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "inherit"], env: { PATH: process.env["PATH"] ?? "", H: hostile, ...env } });
  cleanups.push(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("ready\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the container ended: ${text}`);
    text += new TextDecoder().decode(value);
  }
  return initOf(child.pid);
}

/** Runs an audit, which must end by itself, without an error. */
async function audit(words: readonly string[], before: readonly string[] = []): Promise<{ code: number; out: string }> {
  const child = Bun.spawn([...before, PIDBOX, "audit", ...words], { stdio: ["ignore", "pipe", "pipe"], cwd: "/", ...BOUNDED });
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  expect([words, child.signalCode, err.includes("INTERNAL"), [0, 2, 3].includes(code)]).toEqual([words, null, false, true]);
  return { code, out };
}

/** What an audit of that container says; one of all there are must end too. */
async function answers(pid: number, ...words: string[]): Promise<readonly Result[]> {
  const { out } = await audit([`pid:${pid}`, "--format=json", ...words]);
  await audit(["--format=json"]);
  return (JSON.parse(out) as AuditReport).results;
}

const of = (results: readonly Result[], check: string): Result[] => results.filter((result) => result.check === check);
const verdicts = (results: readonly Result[], check: string): string[] => [...new Set(of(results, check).map(({ verdict }) => verdict))];

/** The PID namespace of a process; undefined where it has ended. */
function linkOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** A new cgroup, which is removed when the test's containers have ended. */
function makeCgroup(path: string): string {
  mkdirSync(path);
  const remove = (): boolean => {
    try {
      rmdirSync(path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EBUSY") return false;
      throw error;
    }
  };
  cleanups.push(async () => {
    await until(remove, `${path} to be empty`);
  });
  return path;
}

const served = needs("root", "fuse");

for (const paths of ["/dev", "/etc", "/proc/sys", "/proc/1/ns", "/proc", "/sys", "/usr/bin", "/", "/dev/console /dev/null /dev/shm", "/etc/passwd /tmp /var"]) {
  served(`a filesystem whose server never answers on ${paths} keeps nobody waiting`, async () => {
    const results = await answers(await fight(`exec $H hang ${paths}`));
    // Set-uid files could not be looked for: a link may lead to the server.
    expect(verdicts(results, "P20")).toEqual(["unknown"]);
    expect(of(results, "P20")[0]?.evidence.some(({ errno }) => errno !== undefined)).toBe(true);
    if (paths.startsWith("/dev") && !paths.includes(" ")) expect(verdicts(results, "P03")).toContain("unknown");
  });
}

served("links in a /dev of its own that lead to a server are not followed", async () => {
  const links = "for n in console null shm mqueue kmsg mem; do ln -s /var/x /dev/$n; done";
  const results = await answers(await fight(`mount -t tmpfs t /dev && mknod /dev/fuse c 10 229; ${links}; exec $H hang /var`));
  expect(verdicts(results, "P20")).toEqual(["unknown"]);
});

needs("root")("PIDs that are given out again as fast as can be: no answer is about a process of somebody else", async () => {
  const pid = await fight("for i in 1 2 3; do $H churn >/dev/null & done; exec $H churn");
  for (let i = 0; i < 20; i++) {
    const { out } = await audit([`pid:${pid}`, "--format=json"]);
    const report = JSON.parse(out) as AuditReport;
    expect(report.subjects.map(({ initPid }) => initPid)).toEqual([pid]);
    const sources = report.results.filter(({ subject }) => subject.id !== "host").flatMap(({ evidence }) => evidence.map(({ source }) => source));
    const pids = sources.flatMap((source) => /^\/proc\/([0-9]+)\//.exec(source)?.[1] ?? []);
    expect(pids).toContain(String(pid));
    // One that is still there is in the container's own PID namespace.
    const namespace = linkOf(pid);
    expect(pids.map((one) => linkOf(Number(one))).filter((link) => link !== undefined && link !== namespace)).toEqual([]);
  }
});

const parses = (texts: readonly string[]): boolean => texts.every((text) => typeof JSON.parse(text) === "object");
const RAW = "\u001b[31m\n\u202e\u0007<b>&";

needs("root", "cgroup1")("names with control characters, bidi marks and markup are printable in every format", async () => {
  const mounted = join(place, "mnt\u001b[31m\n\u202e<b>x");
  mkdirSync(mounted);
  const cgroup = makeCgroup(`/sys/fs/cgroup/pids/fights-${process.pid}-\u001b[31m\u202e<b>`);
  const env = { M: mounted, C: cgroup, RAW, TOKEN_SECRET: RAW };
  const script = `echo $$ >"$C/cgroup.procs"; mount --bind /etc "$M"; env "PASSWORD$RAW=x" "$H" name "$RAW" & exec "$H" name "$RAW"`;
  const pid = await fight(script, { env });
  const printable = (text: string): string[] => text.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g) ?? [];
  for (const format of ["table", "json", "sarif", "junit", "markdown", "html", "ocsf"]) {
    const { out } = await audit([`pid:${pid}`, "-a", `--format=${format}`]);
    expect([format, printable(out)]).toEqual([format, []]);
    if (format === "html" || format === "junit" || format === "markdown") expect([format, /<b>/.test(out)]).toEqual([format, false]);
    if (["json", "sarif", "ocsf"].includes(format)) expect([format, parses(format === "ocsf" ? out.trim().split("\n") : [out])]).toEqual([format, true]);
  }
  for (const check of ["P05", "P07", "L18", "G01", "L13"]) {
    const { out } = await audit([`pid:${pid}`, "--explain", check]);
    expect([check, printable(out)]).toEqual([check, []]);
  }
});

needs("root")("five thousand mounts", async () => {
  const results = await answers(await fight("mount -t tmpfs tmpfs /mnt && exec $H mounts 5000"));
  expect(results.length).toBeGreaterThan(50);
});

needs("root")("what the container put over its own /proc is not what is read", async () => {
  const plain = await answers(await fight("exec $H name x"), "-a");
  const covers = ["mount -t tmpfs tmpfs /proc; ln -s /etc /proc/self; echo 'Seccomp:\t2' >/proc/status", `mount --bind /proc/1 /proc`, `mount -t tmpfs t /mnt; mkdir /mnt/self; mount --bind /mnt /proc`];
  for (const cover of covers) {
    const results = await answers(await fight(`${cover}; exec $H name x`));
    for (const check of ["Q04", "L16", "L01", "C06"]) expect([cover, check, verdicts(results, check)]).toEqual([cover, check, verdicts(plain, check)]);
  }
  // Its own procfs at another place is nobody else's.
  const twice = await answers(await fight("mount --rbind /proc /mnt; exec $H name x"), "-a");
  for (const check of ["Q04", "L04"]) expect([check, verdicts(twice, check)]).toEqual([check, verdicts(plain, check)]);
});

needs("root", "busybox")("links in its root that lead out or round lead nowhere", async () => {
  const root = mkdtempSync(join(place, "root-"));
  const secret = join(place, "secret-of-the-host");
  writeFileSync(secret, "secret", { mode: 0o4755 });
  const links = [
    "mkdir -p bin dev etc proc sys usr/bin old; cp $(command -v busybox) bin/busybox; cp $H bin/h",
    "ln -s ../../../../../../proc/1/root/dev/null dev/console; ln -s /proc/1/root/etc/passwd etc/passwd; ln -s loop dev/loop; ln -s ../dev/loop dev/shm",
    `ln -s ../../../..${secret} usr/bin/sudo; ln -s ../../../..${place} usr/local; ln -s /proc/self/root/../.. run; ln -s ../../../../../../.. var`,
    "i=0; while [ $i -lt 41 ]; do ln -s l$((i+1)) etc/l$i; i=$((i+1)); done; ln -s /etc/l0 etc/shadow; ln -s l0 dev/mqueue; ln -s /proc/1/root sbin",
  ].join("\n");
  expect(Bun.spawnSync(["sh", "-e", "-c", links], { cwd: root, env: { PATH: process.env["PATH"] ?? "", H: hostile } }).stderr.toString()).toBe("");
  const enter = `mount --bind ${root} ${root} && cd ${root} && mount -t proc proc proc && pivot_root . old && /bin/busybox umount -l old && exec /bin/h name x`;
  const results = await answers(await fight(enter), "-a");
  expect(JSON.stringify(results)).not.toContain("secret-of-the-host");
  expect(verdicts(results, "P20")).toEqual(["pass"]);
  expect(verdicts(results, "P04")).toEqual(["pass"]);
});

needs("root", "cgroup1")("a fork bomb at its limit", async () => {
  const cgroup = makeCgroup(`/sys/fs/cgroup/pids/fights-bomb-${process.pid}`);
  writeFileSync(`${cgroup}/pids.max`, "64");
  const pid = await fight(`echo $$ >${cgroup}/cgroup.procs; exec $H bomb`);
  expect((await answers(pid)).length).toBeGreaterThan(50);
});

needs("root")("ten thousand descriptors, two megabytes of arguments and environment, a traced process", async () => {
  const script = "$H descriptors 10000 & $H traced & A=$(head -c 120000 /dev/zero | tr '\\0' a); exec env B=$A C=$A D=$A E=$A F=$A G=$A I=$A J=$A $H name x $A $A $A $A $A $A $A $A";
  const results = await answers(await fight(script));
  expect(verdicts(results, "P15")).not.toContain("unknown");
});

needs("root", "cgroup1")("a frozen container", async () => {
  const cgroup = makeCgroup(`/sys/fs/cgroup/freezer/fights-${process.pid}`);
  const pid = await fight(`echo $$ >${cgroup}/cgroup.procs; exec $H name x`);
  writeFileSync(`${cgroup}/freezer.state`, "FROZEN");
  cleanups.push(() => writeFileSync(`${cgroup}/freezer.state`, "THAWED"));
  await until(() => Bun.spawnSync(["cat", `${cgroup}/freezer.state`]).stdout.toString() === "FROZEN\n");
  expect(verdicts(await answers(pid), "Q04")).toEqual(["finding"]);
  // Those that would be stopped for a moment never say so.
  await audit([`pid:${pid}`, "--stop", "--checks=Q", "--format=json"]);
});

needs("root")("without privileges, what may not be read is unknown with its error, and never passes", async () => {
  const pid = await fight("exec $H name x");
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const { code, out } = await audit(["--format=json"], nobody);
  const { results } = JSON.parse(out) as AuditReport;
  const own = results.filter(({ subject }) => subject.initPid === pid || subject.id.includes(String(pid)));
  for (const check of ["C07", "L16", "P03", "P15", "P16", "P17", "P19", "P20", "V04"]) expect([check, verdicts(own, check)]).toEqual([check, ["unknown"]]);
  for (const check of ["P03", "P15", "P16", "P19", "P20", "V04"]) {
    expect([check, of(own, check)[0]?.evidence.map(({ errno }) => errno)]).toEqual([check, ["EACCES"]]);
  }
  expect([2, 3]).toContain(code);
  expect((await audit([`pid:${pid}`, "--checks=P15,P16,P20", "--format=json"], nobody)).code).toBe(3);
});
