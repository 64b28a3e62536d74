import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { namesWithout } from "../kernel/directory-modes.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { canEnter, close, cString, listDirectory, O, open, readLink, readText, stat, writeFile } from "../kernel/file.ts";
import { readKernelRelease, readLandlockAbi } from "../kernel/host-features.ts";
import { readTextInRoot } from "../kernel/inroot.ts";
import { resolveHostPath } from "../kernel/path.ts";
import { askAgain } from "../plan/evidence.ts";
import type { Question } from "../plan/evidence.ts";
import { PlanWriter } from "../plan/writer.ts";
import { effectiveCapabilities } from "./host.ts";
import { Recording } from "./known-starts.ts";
import { launcherImage } from "./launch.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pidbox-record-"));
  mkdirSync(`${folder}/tree`);
  for (let i = 0; i < 40; i++) writeFileSync(`${folder}/tree/file-${i}`, String(i), { mode: i % 3 === 0 ? 0o600 : 0o644 });
  symlinkSync("file-1", `${folder}/tree/link`);
  writeFileSync(`${folder}/text`, "some text\n".repeat(1000));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Records what `ask` asks; undefined if it was spoilt. */
function record(ask: (recording: Recording) => void): Recording["facts"] {
  const recording = new Recording();
  // The executable of this process, which is Bun.
  recording.begin(process.execPath);
  try {
    ask(recording);
  } finally {
    recording.end();
  }
  return recording.facts;
}

/** Whether the launcher gets the same answers. It is another executable, so the first questions, of begin(), are left out. */
function isSame(facts: Recording["facts"], skip = 5): boolean {
  const w = new PlanWriter();
  const moved = (arg: Question): Question => {
    if (arg.kind === "fd") return { ...arg, of: arg.of - skip };
    return arg.kind === "text" && arg.fd !== undefined ? { ...arg, fd: arg.fd - skip } : arg;
  };
  askAgain(w, (facts?.observations ?? []).slice(skip).map((one) => ({ ...one, args: one.args.map(moved) })));
  const failed = w.exit(42).position;
  const path = join(folder, "launcher");
  writeFileSync(path, launcherImage(w.exit(7).finish(failed)), { mode: 0o755 });
  chmodSync(path, 0o755);
  const code = Bun.spawnSync([path], { stdin: "ignore", stdout: "ignore", stderr: "inherit" }).exitCode;
  rmSync(path);
  if (code !== 42 && code !== 7) throw new Error(`the launcher ended with ${code}`);
  return code === 42;
}

const tree = (): string => `${folder}/tree`;

describe("Recording", () => {
  const asked: readonly (readonly [string, () => unknown])[] = [
    ["the text of a file", () => readText(`${folder}/text`)], ["a file that is not there", () => readText(`${folder}/nothing`)],
    ["files of the kernel", () => ["/proc/sys/kernel/cap_last_cap", "/proc/self/uid_map", "/proc/filesystems"].map((path) => readText(path))],
    ["status", () => [`${folder}/text`, tree(), "/nowhere", "/dev/null"].map((path) => stat(path, { noFollow: true }))],
    ["a directory", () => listDirectory(tree())], ["modes of a whole directory", () => namesWithout(tree(), 4)], ["modes of /etc", () => namesWithout("/etc", 4)],
    ["a link", () => readLink(`${tree()}/link`)], ["what is no link", () => readLink(tree())], ["a canonical path", () => resolveHostPath("tree/link", folder)],
    ["a file in a root", () => readTextInRoot(folder, "tree/link")], ["the way in", () => [canEnter(tree()), canEnter(`${folder}/text`), canEnter("/nowhere")]],
    ["the kernel", () => [readKernelRelease(), readLandlockAbi()]], ["capabilities", () => effectiveCapabilities()],
    ["ids", () => [syscall(SYSCALLS.geteuid), syscall(SYSCALLS.getegid)]], ["memory", () => syscall(SYSCALLS.sysinfo, address(new Uint8Array(128)))],
    ["limits", () => syscall(SYSCALLS.prlimit64, 0, 7, 0, address(new Uint8Array(16)))],
  ];
  test.each(asked)("of %s gets the same answers again", (_name, ask) => {
    const facts = record(ask);
    expect(facts).toBeDefined();
    expect(facts?.observations.length).toBeGreaterThan(5);
    expect(isSame(facts)).toBe(true);
  });

  const changes: readonly (readonly [string, () => unknown, () => void])[] = [
    ["a text", () => readText(`${folder}/text`), () => writeFileSync(`${folder}/text`, `${"some text\n".repeat(999)}some tests`)],
    ["a longer text", () => readText(`${folder}/text`), () => writeFileSync(`${folder}/text`, "some text\n".repeat(1001))],
    ["a shorter text", () => readText(`${folder}/text`), () => writeFileSync(`${folder}/text`, "some text\n".repeat(999))],
    ["a file that is there", () => readText(`${folder}/nothing`), () => writeFileSync(`${folder}/nothing`, "")],
    ["a file that is gone", () => stat(`${folder}/text`), () => rmSync(`${folder}/text`)], ["a mode", () => stat(`${folder}/text`), () => chmodSync(`${folder}/text`, 0o600)],
    ["a new name", () => listDirectory(tree()), () => writeFileSync(`${tree()}/new`, "")], ["a name less", () => listDirectory(tree()), () => rmSync(`${tree()}/file-7`)],
    ["another name", () => listDirectory(tree()), () => renameSync(`${tree()}/file-7`, `${tree()}/file-x`)],
    ["one mode of many", () => namesWithout(tree(), 4), () => chmodSync(`${tree()}/file-20`, 0o640)],
    ["where a link leads", () => readLink(`${tree()}/link`), () => (rmSync(`${tree()}/link`), symlinkSync("file-2", `${tree()}/link`))],
    ["what a path is", () => resolveHostPath("tree/link", folder), () => (rmSync(`${tree()}/link`), mkdirSync(`${tree()}/link`))],
    ["a file in a root", () => readTextInRoot(folder, "tree/link"), () => writeFileSync(`${tree()}/file-1`, "2")],
  ];
  test.each(changes)("notices %s", (_name, ask, change) => {
    const facts = record(ask);
    change();
    expect(isSame(facts)).toBe(false);
  });

  test("does not mind what nobody used: time, size and the rest of the directory", () => {
    const facts = record(() => stat(tree()));
    writeFileSync(`${tree()}/new`, "");
    expect(isSame(facts)).toBe(true);
  });

  test("is spoilt by what it cannot ask again", () => {
    const fd = open("/proc/self/maps", O.RDONLY);
    const fifo = `${folder}/fifo`;
    Bun.spawnSync(["mkfifo", fifo]);
    const status = (path: string): { size: number } => stat(path) as { size: number };
    const asked: readonly (readonly [string, () => unknown])[] = [
      ["a call of no kind that it knows", () => syscall(SYSCALLS.getrandom, address(new Uint8Array(8)), 8, 0)],
      ["writing", () => writeFile(`${folder}/written`, "x", { mode: 0o600 })],
      ["a limit that is set", () => syscall(SYSCALLS.prlimit64, 0, 4, address(new BigUint64Array(2)), 0)],
      ["a descriptor from before", () => syscall(SYSCALLS.read, fd, address(new Uint8Array(8)), 8)], ["its path", () => stat(`/proc/self/fd/${fd}`)],
      ["one that stays open", () => open("/", O.PATH)], ["a pipe", () => close(open(fifo, O.RDONLY | O.NONBLOCK))],
      ["the size of a file", () => status(tree()).size], ["another ioctl", () => syscall(SYSCALLS.ioctl, 0, 0x5413, address(new Uint8Array(64)))],
      ["making a directory", () => syscall(SYSCALLS.mkdirat, -100, address(cString(`${folder}/made`)), 0o700)],
    ];
    for (const [name, ask] of asked) expect([name, record(ask)]).toEqual([name, undefined]);
    close(fd);
    expect(record(() => undefined)).toBeDefined();
  });

  test("leaves out what is done aside", () => {
    const facts = record((recording) => expect(recording.aside(() => writeFile(`${folder}/written`, "x", { mode: 0o600 }))).toBe(0));
    expect([facts?.observations.length, readdirSync(folder).includes("written")]).toEqual([5, true]);
  });

  test("notes which variables are asked for, and is spoilt by asking for all", () => {
    const environment = { A: "1", B: "2", EMPTY: "" };
    const facts = record((recording) => {
      const noted = recording.environment(environment);
      expect([noted["A"], noted["EMPTY"], noted["C"], noted["A"]]).toEqual(["1", "", undefined, "1"]);
    });
    expect(facts?.environment).toEqual(["A=1", "EMPTY=", "C"]);
    const all = (recording: Recording): void => expect(() => Object.keys(recording.environment(environment))).toThrow(TypeError);
    expect(record(all)).toBeUndefined();
  });

  test("is of one executable", () => {
    const recording = new Recording();
    recording.begin("/somewhere/else");
    recording.end();
    expect(recording.facts).toBeUndefined();
  });
});
