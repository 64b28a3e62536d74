import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { close } from "../kernel/file.ts";
import { RECORD } from "../plan/op.ts";
import { collectGarbage, findLinks, judgeContainer } from "./garbage.ts";
import { collectSome } from "./garbage-some.ts";
import { tell } from "./journal.ts";
import { JournalReader } from "./journal-read.ts";
import { takeCharge } from "./store.ts";

const NOW = Date.now();
const ID = "a".repeat(64);
let root = "";

beforeEach(() => {
  root = mkdtempSync("/tmp/pidbox-garbage-");
  for (const folder of ["containers", "names", "ids"]) mkdirSync(`${root}/${folder}`);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A status file as the supervisor writes it: 1 is running, 2 is ended. */
function record(state: 1 | 2, ended = NOW - 120_000): Uint8Array {
  const bytes = new Uint8Array(RECORD.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(RECORD.magic, 0x786f6270, true);
  view.setInt32(RECORD.state, state, true);
  view.setInt32(RECORD.pid, 0x7fffffff, true);
  view.setBigUint64(RECORD.ended, BigInt(ended) * 1_000_000n, true);
  return bytes;
}

function container(id: string, parts: { status?: Uint8Array; remove?: boolean; state?: boolean; reservations?: readonly string[] } = {}): string {
  const directory = `${root}/containers/${id}`;
  mkdirSync(directory);
  const name = `${root}/names/n${id[0] ?? ""}`;
  const state = { version: 1, id, name: id.slice(0, 12), remove: parts.remove ?? true, cgroups: [], names: [name], reservations: parts.reservations ?? [] };
  symlinkSync(id, name);
  if (parts.state !== false) writeFileSync(`${directory}/state.json`, JSON.stringify(state));
  if (parts.status !== undefined) writeFileSync(`${directory}/status`, parts.status);
  return directory;
}

const old = (path: string): void => utimesSync(path, new Date(NOW - 120_000), new Date(NOW - 120_000));
const OPTIONS = { all: false, dry: false, hierarchies: [], data: undefined, uid: process.geteuid?.() ?? 0, now: NOW };

describe("judgeContainer()", () => {
  test("leaves one whose supervisor holds the lock, and takes it once the lock is free", () => {
    const directory = container(ID, { status: record(1) });
    const fd = takeCharge(directory) ?? -1;
    expect(judgeContainer(directory, true, NOW)).toBeUndefined();
    close(fd);
    expect(judgeContainer(directory, false, NOW)).toMatchObject({ kind: "container", id: ID, why: "its supervisor was killed" });
  });

  test("leaves one that is starting, and takes a half-made one that is old", () => {
    const directory = container(ID, { state: false });
    expect(judgeContainer(directory, true, NOW)).toBeUndefined();
    old(directory);
    expect(judgeContainer(directory, false, NOW)).toMatchObject({ kind: "directory", why: "half made" });
  });

  test("leaves an old one that has not said anything yet but holds the lock", () => {
    const directory = container(ID, { status: new Uint8Array(0) });
    old(directory);
    const fd = takeCharge(directory) ?? -1;
    expect(judgeContainer(directory, true, NOW)).toBeUndefined();
    close(fd);
    expect(judgeContainer(directory, true, NOW)).toMatchObject({ kind: "directory" });
  });

  test("keeps the record of one that ended in order, unless all are to go", () => {
    const directory = container(ID, { status: record(2), remove: false });
    expect(judgeContainer(directory, false, NOW)).toBeUndefined();
    expect(judgeContainer(directory, true, NOW)).toMatchObject({ kind: "record" });
  });

  test("leaves one whose end is still being worked on", () => {
    symlinkSync(ID, `${root}/ids/5`);
    const directory = container(ID, { status: record(2, NOW - 100), remove: false, reservations: [`${root}/ids/5`] });
    expect(judgeContainer(directory, true, NOW)).toBeUndefined();
    expect(judgeContainer(directory, true, NOW + 120_000)).toMatchObject({ kind: "record" });
  });

  test("does not take bytes that are no record for a running container", () => {
    const directory = container(ID, { status: new Uint8Array(RECORD.size).fill(255) });
    old(directory);
    expect(judgeContainer(directory, false, NOW)).toMatchObject({ why: "never started" });
  });
});

test("findLinks() finds names and id ranges of containers that are gone, and of nothing else", () => {
  container(ID);
  symlinkSync("b".repeat(64), `${root}/names/gone`);
  symlinkSync("../../etc", `${root}/names/odd`);
  symlinkSync("c".repeat(64), `${root}/ids/7`);
  expect(findLinks(root).map((g) => `${g.kind} ${g.path.slice(root.length)}`).toSorted()).toEqual(["id range /ids/7", "name /names/gone", "name /names/odd"]);
});

test("collectGarbage() removes state, names and links of the dead, and says so; a second time there is nothing", () => {
  const directory = container(ID, { status: record(1) });
  symlinkSync("c".repeat(64), `${root}/ids/7`);
  expect(collectGarbage(root, { ...OPTIONS, dry: true }).map((g) => g.kind)).toEqual(["container", "id range"]);
  expect(existsSync(directory)).toBe(true);
  expect(collectGarbage(root, OPTIONS).map((g) => [g.kind, g.left])).toEqual([["container", undefined], ["id range", undefined]]);
  expect([existsSync(directory), existsSync(`${root}/names/na`), existsSync(`${root}/ids/7`)]).toEqual([false, false, false]);
  expect(collectGarbage(root, OPTIONS)).toEqual([]);
});

test("collectGarbage() tells the end of a lost container once, unless its supervisor did, and who is gone", () => {
  const told = (): string[] => {
    const reader = new JournalReader(root);
    const found = [...reader.read()].map(({ id, actions, code, signal }) => `${id.slice(0, 2)} ${actions.join()} ${code} ${signal}`);
    reader.close();
    return found;
  };
  const other = "b".repeat(64);
  container(ID, { status: record(1) });
  container(other, { status: record(1) });
  tell(root, { id: other, attributes: {} }, ["die"], { code: 3, signal: 0 });
  container("c".repeat(64), { state: false });
  old(`${root}/containers/${"c".repeat(64)}`);
  for (let times = 0; times < 2; times++) collectGarbage(root, OPTIONS);
  expect(told().toSorted()).toEqual(["aa destroy 0 0", "aa die 137 9", "bb destroy 0 0", "bb die 3 0"]);
  expect(told().indexOf("aa die 137 9")).toBeLessThan(told().indexOf("aa destroy 0 0"));
});

test("collectGarbage() says what it could not remove", () => {
  const directory = container(ID, { status: record(1) });
  mkdirSync(`${directory}/unexpected`);
  expect(collectGarbage(root, OPTIONS)).toMatchObject([{ kind: "container", left: [directory] }]);
});

test("collectGarbage() empties the plans that are kept where everything was asked for", () => {
  mkdirSync(`${root}/plans`);
  for (const name of ["3", ".unfinished"]) writeFileSync(`${root}/plans/${name}`, "");
  expect(collectGarbage(root, OPTIONS)).toEqual([]);
  expect(collectGarbage(root, { ...OPTIONS, all: true, dry: true }).map((g) => g.kind)).toEqual(["plan", "plan"]);
  expect(collectGarbage(root, { ...OPTIONS, all: true }).map((g) => [g.kind, g.left])).toEqual([["plan", undefined], ["plan", undefined]]);
  expect(collectGarbage(root, { ...OPTIONS, all: true })).toEqual([]);
});

test("collectSome() looks at four containers, and removes the dead among them only", async () => {
  const ids = ["1", "2", "3", "4", "5", "6"].map((digit) => digit.repeat(64));
  for (const id of ids) container(id, { status: record(1) });
  const kept = container(ID, { status: record(2), remove: false });
  await collectSome(root);
  const gone = ids.filter((id) => !existsSync(`${root}/containers/${id}`)).length;
  expect(gone).toBeGreaterThanOrEqual(3);
  expect(gone).toBeLessThanOrEqual(4);
  expect(existsSync(kept)).toBe(true);
  await collectSome(`${root}/nowhere`);
});
