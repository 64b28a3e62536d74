import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PidboxError } from "../base/error.ts";
import { close, removeDirectory, unlink } from "../kernel/file.ts";
import { RECORD } from "../plan/op.ts";
import {
  createDirectory, findContainer, isSupervised, listContainers, parseStatus, readState, readStatus, reserve, stateRoot, takeCharge, writeState,
} from "./store.ts";
import type { ContainerState } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "pidbox-store-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const uid = process.getuid?.() ?? 0;
const ID = "ab".repeat(32);

/** A status file as the launcher writes it. */
function record(values: Partial<Record<keyof typeof RECORD, number | bigint>>): Uint8Array {
  const bytes = new Uint8Array(RECORD.size);
  const view = new DataView(bytes.buffer);
  for (const [name, value] of Object.entries({ magic: 0x786f6270, ...values })) {
    const at = RECORD[name as keyof typeof RECORD];
    if (at >= RECORD.started && at < RECORD.supervisor) view.setBigUint64(at, BigInt(value), true);
    else view.setInt32(at, Number(value) | 0, true);
  }
  return bytes;
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return "none";
  } catch (error) {
    if (error instanceof PidboxError) return error.code;
    throw error;
  }
}

describe("parseStatus()", () => {
  test("reads what the launcher wrote, times as milliseconds", () => {
    const bytes = record({
      state: 2, pid: 77, code: 137, signal: 9, core: 1, forwarded: 15, sender: 42, started: 1_700_000_000_123_456_789n,
      ended: 1_700_000_001_500_000_000n, user: 5, system: 6, peak: 7, supervisor: 76, lost: 2,
    });
    expect(parseStatus(bytes)).toEqual({
      state: "ended", pid: 77, code: 137, signal: 9, core: true, forwarded: 15, sender: 42, started: 1_700_000_000_123,
      ended: 1_700_000_001_500, user: 5, system: 6, peak: 7, supervisor: 76, lost: 2,
    });
    expect(parseStatus(record({ state: 1, pid: 3 }))).toMatchObject({ state: "running", pid: 3, ended: 0 });
  });
  test("gives nothing for a container that never ran, a file that is cut off, or another file", () => {
    for (const bytes of [
      new Uint8Array(0),
      record({ state: 0 }),
      record({ state: 3 }),
      record({ state: 1 }).slice(0, -1),
      record({ state: 1, magic: 1 }),
    ]) {
      expect(parseStatus(bytes)).toBeUndefined();
    }
  });
  test("gives a status or nothing for any bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 60, maxLength: 90 }), (bytes) => {
      bytes.set(record({ state: 1 }).subarray(0, 8));
      const status = parseStatus(bytes);
      expect(status === undefined).toBe(bytes.length < RECORD.size);
    }));
  });
});

describe("stateRoot()", () => {
  test("is /run/pidbox for root, else the user's own", () => {
    const table: readonly (readonly [number, string | undefined, string])[] = [
      [0, "/run/user/5", "/run/pidbox"], [5, "/run/user/5", "/run/user/5/pidbox"], [5, undefined, "/tmp/pidbox-5"], [5, "relative", "/tmp/pidbox-5"], [5, "", "/tmp/pidbox-5"],
    ];
    for (const [user, runtime, root] of table) expect(stateRoot(user, { XDG_RUNTIME_DIR: runtime })).toBe(root);
  });
});

describe("createDirectory()", () => {
  test("makes the folders of a new root for nobody else, and the container's once", () => {
    const root = join(folder, "new");
    expect(createDirectory(root, ID, uid)).toBe(`${root}/containers/${ID}`);
    expect(readdirSync(root).sort()).toEqual(["containers", "ids", "names"]);
    for (const path of [root, `${root}/containers/${ID}`]) expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(codeOf(() => createDirectory(root, ID, uid))).toBe("IO");
  });
  test("takes a root of its owner's that others may read, and closes it", () => {
    const root = join(folder, "readable");
    mkdirSync(root);
    chmodSync(root, 0o755);
    createDirectory(root, ID, uid);
    expect(statSync(root).mode & 0o777).toBe(0o700);
  });
  test("refuses a root that another user could have prepared", () => {
    const [open, link] = [join(folder, "open"), join(folder, "link")];
    mkdirSync(open);
    chmodSync(open, 0o777);
    symlinkSync(join(folder, "new"), link);
    expect(codeOf(() => createDirectory(open, ID, uid))).toBe("POSSIBLE_ATTACK");
    expect(codeOf(() => createDirectory(join(folder, "others"), ID, uid + 1))).toBe("POSSIBLE_ATTACK");
    rmSync(join(folder, "new/containers"), { recursive: true });
    expect(codeOf(() => createDirectory(link, ID, uid))).toBe("POSSIBLE_ATTACK");
  });
});

describe("reserve()", () => {
  test("gives a name to the first that asks", () => {
    const path = join(folder, "name");
    expect([reserve(path, "one"), reserve(path, "two"), readlinkSync(path)]).toEqual([true, false, "one"]);
    expect([unlink(path), unlink(path)]).toEqual([0, -2]);
    expect(codeOf(() => reserve(join(folder, "absent/name"), "one"))).toBe("IO");
  });
});

describe("writeState() and readState()", () => {
  const state = {
    version: 1,
    id: ID,
    name: "n\u001b",
    cgroups: [],
    blueprint: { config: { linux: { resources: { memory: { limit: 5 } } } } },
  } as unknown as ContainerState;

  test("keep a state, for its owner only, and never write over one", () => {
    const directory = createDirectory(join(folder, "kept"), ID, uid);
    writeState(directory, state);
    expect(readState(directory)).toMatchObject({ id: ID, name: "n\u001b", blueprint: { config: { linux: { resources: { memory: { limit: 5 } } } } } });
    expect(statSync(`${directory}/state.json`).mode & 0o777).toBe(0o600);
    expect(codeOf(() => writeState(directory, state))).toBe("IO");
    expect(removeDirectory(directory)).toBe(-39);
  });
  test("give nothing for a file that is absent, half written or of another version", () => {
    const directory = join(folder, "half");
    mkdirSync(directory);
    expect([readState(directory), readStatus(directory)]).toEqual([undefined, undefined]);
    for (const text of ["", '{"version":1,"id":"', "null", "[]", '"x"', "1", '{"version":2,"id":"x"}', '{"version":1,"id":5}']) {
      writeFileSync(`${directory}/state.json`, text);
      expect([text, readState(directory)]).toEqual([text, undefined]);
    }
  });
});

describe("findContainer()", () => {
  const root = join(folder, "find");
  const ids = ["aa11", "aa22", "bb33"].map((start) => start.padEnd(64, "0"));
  for (const id of ids) mkdirSync(`${root}/containers/${id}`, { recursive: true });
  mkdirSync(`${root}/names`);
  symlinkSync(ids[2] ?? "", `${root}/names/web`);
  symlinkSync("../../etc/passwd", `${root}/names/evil`);

  test("takes a name, an id, or its beginning if there is one of it", () => {
    expect(["web", "bb3", ids[0] ?? "", "aa11", "nope", "abc", "", "b"].map((reference) => findContainer(root, reference))).toEqual([
      ids[2], ids[2], ids[0], ids[0], undefined, undefined, undefined, undefined,
    ]);
    expect(codeOf(() => findContainer(root, "aa"))).toBe("none");
    expect(codeOf(() => findContainer(root, "aa1x"))).toBe("none");
    mkdirSync(`${root}/containers/${"aa12".padEnd(64, "0")}`);
    expect(codeOf(() => findContainer(root, "aa1"))).toBe("CONFLICT");
  });
  test("follows no name out of the store", () => {
    for (const reference of ["evil", "../names/web", "/etc", "a/b", "web\0"]) expect(findContainer(root, reference)).toBeUndefined();
  });
  test("lists ids up to a limit, and none where there is no store", () => {
    expect(listContainers(root)).toHaveLength(4);
    expect(listContainers(join(folder, "absent"))).toEqual([]);
  });
});

describe("isSupervised()", () => {
  test("is true while somebody is in charge, in whatever process", async () => {
    const directory = join(folder, "locked");
    mkdirSync(directory);
    expect(isSupervised(directory)).toBe(false);
    writeFileSync(`${directory}/status`, "");
    expect(isSupervised(directory)).toBe(false);
    const charge = takeCharge(directory) ?? -1;
    expect([charge > 0, isSupervised(directory), takeCharge(directory)]).toEqual([true, true, undefined]);
    const heir = Bun.spawn(["sh", "-c", "echo held; read x"], { stdio: ["pipe", "pipe", "inherit", charge] });
    await heir.stdout.getReader().read();
    close(charge);
    expect(isSupervised(directory)).toBe(true);
    await heir.stdin.end();
    await heir.exited;
    expect(isSupervised(directory)).toBe(false);
  });
});

describe("takeCharge()", () => {
  test("makes the status file, and cannot take what is not there", () => {
    const directory = join(folder, "fresh");
    mkdirSync(directory);
    const charge = takeCharge(directory) ?? -1;
    expect([readdirSync(directory), isSupervised(directory)]).toEqual([["status"], true]);
    close(charge);
    expect(takeCharge(join(folder, "absent"))).toBeUndefined();
  });
  test("follows no link", () => {
    const directory = join(folder, "linked");
    mkdirSync(directory);
    symlinkSync("/etc/hostname", `${directory}/status`);
    expect(codeOf(() => takeCharge(directory))).toBe("IO");
  });
});
