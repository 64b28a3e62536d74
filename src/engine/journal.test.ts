/** journal.ts and journal-read.ts on a journal that grows, is moved and is torn while it is read. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LOCK } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import { close, O, open } from "../kernel/file.ts";
import { hasDied, JOURNAL_SIZE, journalFiles, subjectOf, tell, trimJournal, wallClock } from "./journal.ts";
import { JournalReader } from "./journal-read.ts";
import type { ContainerState } from "./store.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "pidbox-journal-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const say = (id: string, ...actions: readonly string[]): void => tell(root, { id, attributes: {} }, actions);
const read = (reader: JournalReader): string => [...reader.read()].map(({ id, actions }) => `${id}:${actions.join("+")}`).join(" ");
/** So large that the next writer finds it full; what is in it is no line. */
const fill = (): void => truncateSync(journalFiles(root)[0], JOURNAL_SIZE);

describe("tell()", () => {
  test("appends a line with the time of now to a file that is the owner's alone", () => {
    const before = wallClock();
    say("a", "create");
    tell(root, { id: "b", attributes: { name: "web" } }, ["die"], { code: 3, signal: 15 });
    const reader = new JournalReader(root);
    const [first, second, ...rest] = [...reader.read()];
    reader.close();
    expect(first).toMatchObject({ id: "a", actions: ["create"], code: 0, signal: 0, attributes: {} });
    expect(second).toMatchObject({ id: "b", actions: ["die"], code: 3, signal: 15, attributes: { name: "web" } });
    expect([rest.length, first !== undefined && first.at >= before, second !== undefined && second.at <= wallClock()]).toEqual([0, true, true]);
    expect(statSync(journalFiles(root)[0]).mode & 0o777).toBe(0o600);
  });

  test("moves a full file away once, and not while another process is at it", () => {
    say("a", "create");
    fill();
    const [newest, older] = journalFiles(root);
    const other = open(newest, O.RDONLY);
    expect(syscall(SYSCALLS.flock, other, LOCK.EX)).toBe(0);
    say("b", "create");
    trimJournal(root);
    expect(existsSync(older)).toBe(false);
    close(other);
    trimJournal(root);
    expect([existsSync(newest), statSync(older).size > JOURNAL_SIZE]).toEqual([false, true]);
    say("c", "create");
    trimJournal(root);
    expect([readFileSync(newest, "utf8").split("\n").length, statSync(older).size > JOURNAL_SIZE]).toEqual([2, true]);
  });

  test("does nothing where there is no store, and follows no link", () => {
    tell(`${root}/none`, { id: "a", attributes: {} }, ["create"]);
    symlinkSync(`${root}/elsewhere`, journalFiles(root)[0]);
    say("a", "create");
    expect([existsSync(`${root}/none`), existsSync(`${root}/elsewhere`)]).toEqual([false, false]);
  });
});

describe("JournalReader", () => {
  test("begins with the oldest line, and goes on with what comes", () => {
    const reader = new JournalReader(root);
    expect(read(reader)).toBe("");
    say("a", "create", "start");
    expect(read(reader)).toBe("a:create+start");
    expect(read(reader)).toBe("");
    say("b", "create");
    fill();
    say("c", "create");
    say("d", "create");
    expect(read(reader)).toBe("b:create c:create d:create");
    const late = new JournalReader(root);
    expect(read(late)).toBe("a:create+start b:create c:create d:create");
    late.close();
    reader.close();
  });

  test("sees what a writer that was slow puts into a file that was moved, and lets go of one that is gone", () => {
    const reader = new JournalReader(root);
    say("a", "create");
    const line = readFileSync(journalFiles(root)[0]);
    fill();
    trimJournal(root);
    say("b", "create");
    expect(read(reader)).toBe("a:create b:create");
    appendFileSync(journalFiles(root)[1], line);
    expect(read(reader)).toBe("a:create");
    fill();
    trimJournal(root);
    say("c", "create");
    fill();
    trimJournal(root);
    say("d", "create");
    expect(read(reader)).toBe("c:create d:create");
    reader.close();
  });

  test("passes over what is no line, and finds the line behind a torn one", () => {
    say("a", "create");
    const line = readFileSync(journalFiles(root)[0], "utf8");
    writeFileSync(journalFiles(root)[0], `nonsense\n${line.slice(0, 70)}${line}${"x".repeat(300_000)}\n\n${line}${line.slice(0, 30)}`);
    const reader = new JournalReader(root);
    expect(read(reader)).toBe("a:create a:create");
    appendFileSync(journalFiles(root)[0], line.slice(30));
    expect(read(reader)).toBe("a:create");
    reader.close();
  });
});

describe("hasDied()", () => {
  test("knows an end of this container since a moment, in either file", () => {
    const id = "c".repeat(64);
    const before = wallClock();
    say(id, "create", "start");
    say("d".repeat(64), "die");
    expect(hasDied(root, id, 0n)).toBe(false);
    say(id, "die");
    expect([hasDied(root, id, before), hasDied(root, id, wallClock())]).toEqual([true, false]);
    fill();
    trimJournal(root);
    expect([hasDied(root, id, before), hasDied(`${root}/none`, id, before)]).toEqual([true, false]);
  });
});

test("subjectOf() has labels behind name and image, and does without a blueprint", () => {
  const rootfs = { kind: "assembled", entries: [] };
  const state = { id: "a", name: "web", labels: { image: "of a label", tier: "db" }, blueprint: { rootfs } };
  const attributes = { image: "host", tier: "db", name: "web", oldName: "/x" };
  expect(subjectOf(state as unknown as ContainerState, { oldName: "/x" })).toEqual({ id: "a", attributes });
  expect(subjectOf({ id: "a", name: "web" } as unknown as ContainerState)).toEqual({ id: "a", attributes: { name: "web" } });
});

test("launcher/known.h leaves a full journal to pidbox", () => {
  const source = readFileSync(join(import.meta.dir, "../../launcher/known.h"), "utf8");
  expect(Number(/#define JOURNAL_SIZE \((\d+)u << 20\)/.exec(source)?.[1]) * 2 ** 20).toBe(JOURNAL_SIZE);
});
