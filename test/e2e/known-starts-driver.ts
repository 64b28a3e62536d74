/**
 * Starts that are known, and what makes them unknown again: each case starts a command line until it is known, changes one thing, and starts it once more.
 * Run by known-starts.test.ts in namespaces of its own, with an empty store and an /etc of its own: bun known-starts-driver.ts PIDBOX ROOTFS FOLDER
 */
import {
  chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, truncateSync, unlinkSync, writeFileSync,
} from "node:fs";
import { cellAt, decodePlan, textAt } from "../../src/plan/decode.ts";
import type { DecodedPlan } from "../../src/plan/decode.ts";
import { JOURNAL_SIZE } from "../../src/engine/journal.ts";
import { checksum } from "../../src/plan/known-start.ts";
import { planInImage } from "../../src/engine/launch.ts";
import { readState } from "../../src/engine/store.ts";
import { withoutNames } from "../../src/plan/template.ts";
import { recorded, sortedJson, start } from "./box.ts";

export interface Case {
  readonly name: string;
  /** Whether the last start was made without Bun. */
  readonly known: boolean;
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const [pidbox = "", rootfs = "", folder = ""] = process.argv.slice(2);
const STORE = "/run/pidbox";
const ENVIRONMENT: Readonly<Record<string, string>> = { PATH: process.env["PATH"] ?? "", HOME: "/root", TERM: "dumb" };
const SHOWS = "id -u; cat /etc/secret /etc/shared 2>&1 | sed 's/.*: //'; echo $PATH $TERM; ulimit -Hn; grep -E '^(CapEff|Seccomp):' /proc/self/status";

interface How {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly words?: readonly string[];
  /** Runs pidbox, such as prlimit. */
  readonly through?: readonly string[];
  readonly binary?: string;
}

const files = (): string[] => readdirSync(STORE).includes("starts") ? readdirSync(`${STORE}/starts`).map((name) => `${STORE}/starts/${name}`) : [];
/** Bun leaves a file of its own each time; without it nothing changes. */
const stamp = (): string => files().map((file) => `${file} ${statSync(file).ino} ${statSync(file).size}`).sort().join();

function once(name: string, how: How = {}): Case {
  const before = stamp();
  const { words = ["do", "sh", "-c", SHOWS], through = [], env = ENVIRONMENT, cwd = folder, binary = pidbox } = how;
  const child = Bun.spawnSync([...through, binary, ...words], { cwd, env: { ...env }, stdin: "ignore" });
  return { name, known: stamp() === before && before !== "", code: child.exitCode, out: child.stdout.toString(), err: child.stderr.toString() };
}

/** Starts until it is known: a sign, a recording, and a start that is made from it. */
function learn(how: How = {}): void {
  for (const file of files()) unlinkSync(file);
  once("sign", how);
  once("recording", how);
  const third = once("known", how);
  if (!third.known) throw new Error(`not known after two starts: ${JSON.stringify({ how, third })}`);
}

const cases: Case[] = [];

/** Learns a command line, changes something, starts it again, and changes it back. */
function changed(name: string, change: () => void, back: () => void, how: How = {}, last: How = how): void {
  learn(how);
  change();
  try {
    cases.push(once(name, last));
  } finally {
    back();
  }
}

const nothing = (): void => undefined;
const [theFile] = [(): string => files()[0] ?? ""];

function plainCases(): void {
  changed("nothing", nothing, nothing);
  changed("a variable that nobody asks for", nothing, nothing, {}, { env: { ...ENVIRONMENT, NOBODY: "asks" } });
  changed("PATH", nothing, nothing, {}, { env: { ...ENVIRONMENT, PATH: "/bin:/usr/bin" } });
  changed("TERM is gone", nothing, nothing, {}, { env: { PATH: ENVIRONMENT["PATH"] ?? "", HOME: "/root" } });
  changed("LANG is there", nothing, nothing, {}, { env: { ...ENVIRONMENT, LANG: "C.UTF-8" } });
  changed("the working directory", nothing, nothing, {}, { cwd: "/usr" });
  changed("a flag", nothing, nothing, {}, { words: ["do", "--pids-limit=99", "sh", "-c", SHOWS] });
  changed("a flag's place", nothing, nothing, {}, { words: ["do", "--", "sh", "-c", SHOWS] });
  changed("a limit", nothing, nothing, {}, { through: ["prlimit", "--nofile=512:777"] });
  changed("a capability", nothing, nothing, {}, { through: ["setpriv", "--bounding-set=-sys_admin"], words: ["do", "--allow-degraded=cgroups", "sh", "-c", SHOWS] });
  for (const closed of ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]) changed(closed, nothing, nothing, {}, { through: ["sh", "-c", `exec "$@" ${closed}`, "sh"] });
}

/** One command line teaches all with the same flags; what each of them says is what it was given. */
function programCases(): void {
  const say = ["do", "printf", "%s|"];
  const lines: Readonly<Record<string, readonly string[]>> = {
    "another program": ["do", "id", "-u"], "a path": ["do", "/bin/echo", "by path"], "an empty word": [...say, "a", "", "b"],
    "words that JSON escapes": [...say, 'q"uote', "back\\slash", "line\nfeed", "tab\t", "bell\u0007", "\u001f"], "a word like a flag": [...say, "--", "-v", "--pids-limit=5"],
    "sixty words": [...say, ...Array.from({ length: 60 }, (_, i) => `w${i}`)], "a long word": [...say, "x".repeat(2900)],
    "too many words": [...say, ...Array.from({ length: 80 }, (_, i) => `w${i}`)], "a word that is too long": [...say, "x".repeat(9000)],
    "words beyond ASCII": [...say, "\u00e9\ud83d\ude00"], "no such program": ["do", "no-such-program", "x"], "a name that is too long": ["do", "n".repeat(300)],
    "an empty program": ["do", ""],
  };
  learn();
  for (const [name, words] of Object.entries(lines)) {
    cases.push(once(name, { words }));
    if (!(cases.at(-1)?.known ?? false)) learn();
  }
  const image = `dir:${rootfs}`;
  learn({ words: ["run", "--rm", image, "hostname"] });
  cases.push(once("another program of an image", { words: ["run", "--rm", image, "echo", "in", "it"] }));
  cases.push(once("no program of an image", { words: ["run", "--rm", image] }));
}

function hostCases(): void {
  changed("a new secret in /etc", () => writeFileSync("/etc/secret", "hush\n", { mode: 0o600 }), () => unlinkSync("/etc/secret"));
  writeFileSync("/etc/shared", "open\n", { mode: 0o644 });
  changed("a file that becomes a secret", () => chmodSync("/etc/shared", 0o600), () => chmodSync("/etc/shared", 0o644));
  unlinkSync("/etc/shared");
  mkdirSync(`${folder}/place`);
  const mounted = (...words: string[]) => (): void => void Bun.spawnSync(words);
  changed("a mount", mounted("mount", "-t", "tmpfs", "tmpfs", `${folder}/place`), mounted("umount", `${folder}/place`));
  const copy = `${folder}/pidbox-copy/pidbox`;
  mkdirSync(`${folder}/pidbox-copy`);
  copyFileSync(pidbox, copy);
  const replaced = (): void => {
    copyFileSync(pidbox, `${copy}.new`);
    renameSync(`${copy}.new`, copy);
  };
  changed("another executable of this name", replaced, nothing, { binary: copy });
  const cwd = `${folder}/gone`;
  mkdirSync(cwd);
  changed("another directory of this name", () => (rmdirSync(cwd), mkdirSync(cwd, { mode: 0o700 })), () => rmdirSync(cwd), { cwd });
}

function storeCases(): void {
  changed("a damaged file", () => {
    const bytes = readFileSync(theFile());
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(theFile(), bytes);
  }, nothing);
  // Whole by its sum, but a part of it lies outside: struct known_start of launcher/known.h, which struct known_program comes behind.
  const [plan, program] = [6, 10];
  const parts = { data: 0, paths: 1, words: 2, texts: 3, relocations: 6, relocation_count: 7, json: 8, json_length: 10 } as const;
  for (const [name, at] of Object.entries(parts)) {
    changed(`a file whose ${name} end outside`, () => {
      const bytes = readFileSync(theFile());
      const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
      const size = words[(words[plan] ?? 0) / 4 + 8] ?? 0;
      const inner = name === "paths" || name === "words" || name === "texts" ? (words[program] ?? 0) : 0;
      words[program + at] = size - 8 - inner;
      words[2] = checksum(bytes.subarray(4 * program));
      writeFileSync(theFile(), bytes);
    }, nothing);
  }
  changed("half of a file", () => writeFileSync(theFile(), readFileSync(theFile()).subarray(0, 5000)), nothing);
  changed("an empty file", () => writeFileSync(theFile(), ""), nothing);
  changed("a file of another user", () => chownSync(theFile(), 1, 1), nothing);
  changed("a file that others may write", () => chmodSync(theFile(), 0o666), nothing);
  changed("no directory for containers", () => rmSync(`${STORE}/containers`, { recursive: true }), nothing);
  changed("a full journal of events", () => truncateSync(`${STORE}/events`, JOURNAL_SIZE), nothing);
  cases.push({ name: "the journal is", known: statSync(`${STORE}/events`).size < 4096, code: 0, out: "", err: "" });
  changed("a container that never was", () => mkdirSync(`${STORE}/containers/${"0".repeat(64)}`), () => rmdirSync(`${STORE}/containers/${"0".repeat(64)}`));
  const lines: readonly (readonly [string, ...string[]])[] = [
    ["do", "-e", "TOKEN=secret", "true"], ["do", "--name", "one", "true"], ["do", "--cidfile", `${folder}/cid`, "true"], ["run", `dir:${rootfs}`, "/bin/true"],
  ];
  for (const words of lines) {
    for (const file of files()) unlinkSync(file);
    for (let n = 0; n < 3; n++) {
      rmSync(`${folder}/cid`, { force: true });
      once("kept", { words });
    }
    cases.push({ name: `kept of ${words.slice(0, 2).join(" ")}`, known: files().length > 0, code: 0, out: "", err: "" });
  }
  once("gc", { words: ["gc", "--all"] });
}

function endCases(): void {
  const ends: readonly (readonly [string, readonly string[]])[] = [
    ["exit code", ["do", "sh", "-c", "exit 3"]], ["signal", ["do", "sh", "-c", "kill -9 $$"]],
    ["a root filesystem", ["run", "--rm", `dir:${rootfs}`, "hostname"]],
  ];
  for (const [name, words] of ends) {
    changed(name, nothing, nothing, { words });
  }
}

function texts(plan: DecodedPlan, at: number): string[] {
  const found: string[] = [];
  for (let cell = at; cellAt(plan, cell) !== 0; cell += 8) found.push(textAt(plan, cellAt(plan, cell)));
  return found;
}

/** The data of a plan up to that of its program. */
function common(plan: DecodedPlan): string {
  return new TextDecoder("latin1").decode(plan.data.subarray(0, plan.ops.findLast((op) => op.code === "EXECUTE")?.args[0]?.value ?? 0));
}

/** What a supervisor runs and what is on record of its container, without the container's names. */
async function held(): Promise<string> {
  await using box = await start([pidbox, "do", "/bin/sh", "-c", "echo up; exec cat"], { cwd: folder, env: { ...ENVIRONMENT } });
  const [id = ""] = readdirSync(`${STORE}/containers`);
  const state = readState(`${STORE}/containers/${id}`);
  const plan = decodePlan(planInImage(readFileSync(`/proc/${box.pid}/exe`)));
  const range = state?.blueprint.mapping?.uid[0]?.hostID ?? 0;
  const recent = Math.abs(Date.now() - (state?.created ?? 0)) < 60_000;
  const execute = plan.ops.findLast((op) => op.code === "EXECUTE");
  // The program's own words lie elsewhere in the data.
  const ops = plan.ops.map((op) => (op === execute ? "EXECUTE" : op));
  const program = execute?.args.slice(0, 3).map(({ value }) => texts(plan, value));
  const title = readFileSync(`/proc/${box.pid}/cmdline`, "utf8");
  return withoutNames(sortedJson([ops, program, common(plan), { ...state, created: 0 }, recent, title]), { id, range });
}

/** Bun says so too, and neither leaves anything. */
function fullStore(): void {
  Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "mode=700,size=512k", "tmpfs", STORE]);
  learn();
  const fill = (): void => void Bun.spawnSync(["sh", "-c", `cat /dev/zero > ${STORE}/full`]);
  fill();
  cases.push(once("a full store"));
  const left = ["containers", "ids"].flatMap((name) => readdirSync(`${STORE}/${name}`));
  cases.push({ name: "left in a full store", known: left.length > 0, code: 0, out: left.join(), err: "" });
  Bun.spawnSync(["umount", STORE]);
}

async function runningCases(): Promise<void> {
  // Records that were kept, and what is known.
  once("gc", { words: ["gc", "--all"] });
  if (files().length + readdirSync(`${STORE}/containers`).length > 0) throw new Error("gc --all has left something");
  const [first, second] = [await held(), await held()];
  const before = stamp();
  const third = await held();
  const same = first === second && second === third;
  cases.push({ name: "plan and record", known: stamp() === before, code: 0, out: same ? "same" : `${first}\n${second}\n${third}`, err: "" });
  learn();
  {
    await using _box = await start([pidbox, "do", "/bin/sh", "-c", "echo up; exec cat"], { cwd: "/", env: { ...ENVIRONMENT } });
    // What the host says of itself may change once, on a busy one; not each time.
    const tries = [1, 2, 3].map(() => once("beside one that runs"));
    cases.push(tries.find(({ known }) => known) ?? tries[0] ?? once("beside one that runs"));
  }
  learn();
  const lost = await start([pidbox, "do", "/bin/sh", "-c", "echo up; exec cat"], { cwd: "/", env: { ...ENVIRONMENT } });
  const [id = ""] = readdirSync(`${STORE}/containers`);
  await recorded(lost.pid);
  process.kill(lost.pid, "SIGKILL");
  await lost.ended;
  cases.push(once("beside one that lost its supervisor"));
  cases.push({ name: "what was lost is", known: readdirSync(`${STORE}/containers`).includes(id), code: 0, out: "", err: "" });
}

plainCases();
programCases();
hostCases();
storeCases();
endCases();
await runningCases();
fullStore();
console.log(JSON.stringify(cases));
