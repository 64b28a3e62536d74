import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PidboxError } from "../base/error.ts";
import { close } from "../kernel/file.ts";
import {
  isAlive, isLocked, listRuntimeContainers, lockContainer, makeFifos, openInit, ownRuntimeRoot, readInit, readRuntimeLife, readRuntimeState,
  readUnfinishedInit, removeRuntimeState, reserveContainer, runtimeRoot, writeRuntimeState,
} from "./runtime-store.ts";
import type { RuntimeState } from "./runtime-store.ts";

const root = mkdtempSync("/tmp/pidbox-store-");
afterAll(() => rmSync(root, { recursive: true, force: true }));

function code(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof PidboxError) return error.code;
    throw error;
  }
  return "";
}

const state = (id: string): RuntimeState => ({
  version: 1, id, bundle: "/b", rootfs: "/b/rootfs", created: 1, owner: 0, rootless: false, cgroups: [],
  config: { ociVersion: "1.2.0", root: { path: "rootfs" }, linux: { resources: { memory: { limit: 9223372036854775807n } } } },
});

describe("runtimeRoot()", () => {
  const rootOf = (uid: number, environment: Record<string, string>, initial: boolean): string => runtimeRoot(uid, environment, () => initial);

  test("is for all of the host's root, whatever its session says", () => {
    expect(rootOf(0, {}, true)).toBe("/run/pidbox-oci");
    expect(rootOf(0, { XDG_RUNTIME_DIR: "/run/user/0" }, true)).toBe("/run/pidbox-oci");
  });

  test("is the user's own without the host's root, in a user namespace too", () => {
    expect(rootOf(1000, { XDG_RUNTIME_DIR: "/run/user/1000" }, true)).toBe("/run/user/1000/pidbox-oci");
    expect(rootOf(0, { XDG_RUNTIME_DIR: "/run/user/1000", USER: "alice" }, false)).toBe("/run/user/1000/pidbox-oci");
    expect(rootOf(0, { XDG_RUNTIME_DIR: "/run/user/1000" }, false)).toBe("/run/user/1000/pidbox-oci");
    expect(rootOf(0, { XDG_RUNTIME_DIR: "/run/user/1000", USER: "root" }, false)).toBe("/run/pidbox-oci");
    expect(rootOf(1000, { XDG_RUNTIME_DIR: "relative" }, true)).toBe("/tmp/pidbox-oci-1000");
  });
});

describe("ownRuntimeRoot()", () => {
  const runtime = join(root, "runtime");
  const path = join(runtime, "pidbox-oci");
  const uid = process.geteuid?.() ?? 0;
  // Root of the host has a place that only root can make.
  const rootOf = (): string => ownRuntimeRoot(uid === 0 ? 1 : uid, { XDG_RUNTIME_DIR: runtime });

  test("is made for its owner, and refused if others could have made it or can write it", () => {
    expect(rootOf()).toBe(path);
    mkdirSync(runtime);
    if (uid === 0) expect(code(rootOf)).toBe("POSSIBLE_ATTACK");
    else {
      expect(rootOf()).toBe(path);
      expect(statSync(path).mode & 0o777).toBe(0o700);
    }
    if (uid === 0) chownSync(path, 1, 1);
    expect(rootOf()).toBe(path);
    chmodSync(path, 0o777);
    expect(code(rootOf)).toBe("POSSIBLE_ATTACK");
    rmSync(runtime, { recursive: true });
  });
});

describe("a reservation", () => {
  test("is locked, and there once", () => {
    const { directory, lock } = reserveContainer(root, "one");
    expect(isLocked(directory)).toBe(true);
    expect(code(() => reserveContainer(root, "one"))).toBe("CONFLICT");
    close(lock);
    expect(isLocked(directory)).toBe(false);
    const again = lockContainer(root, "one");
    expect(isLocked(directory)).toBe(true);
    close(again.lock);
    removeRuntimeState(directory);
    expect(code(() => lockContainer(root, "one"))).toBe("NOT_FOUND");
    expect(listRuntimeContainers(root)).toEqual([]);
  });
});

describe("state.json", () => {
  test("comes back as it was, with whole numbers of 64 bits", () => {
    const { directory, lock } = reserveContainer(root, "two");
    expect(code(() => readRuntimeState(root, "two"))).toBe("NOT_FOUND");
    writeRuntimeState(directory, state("two"));
    expect(readRuntimeState(root, "two")).toEqual(state("two"));
    writeFileSync(join(directory, "state.json"), JSON.stringify({ version: 1, id: "other" }));
    expect(code(() => readRuntimeState(root, "two"))).toBe("CONFIG_INVALID");
    writeFileSync(join(directory, "state.json"), "null");
    expect(code(() => readRuntimeState(root, "two"))).toBe("CONFIG_INVALID");
    // It is there, and what is in it cannot be known: nobody may take that for a container that is gone.
    rmSync(join(directory, "state.json"));
    mkdirSync(join(directory, "state.json"));
    expect(code(() => readRuntimeState(root, "two"))).toBe("IO");
    rmSync(join(directory, "state.json"), { recursive: true });
    close(lock);
    removeRuntimeState(directory);
  });
});

describe("readRuntimeLife()", () => {
  test("follows a container from its creation to its end, and past those that were killed on the way", () => {
    const { directory, lock } = reserveContainer(root, "life");
    writeRuntimeState(directory, state("life"));
    makeFifos(directory);
    const status = (cgroups: readonly string[] = []): string => readRuntimeLife(directory, cgroups).status;
    expect(status()).toBe("creating");
    writeFileSync(join(directory, "init.new"), readFileSync("/proc/self/stat"));
    expect([status(), readInit(directory), readUnfinishedInit(directory)?.pid]).toEqual(["creating", undefined, process.pid]);
    // Whoever created it was killed.
    close(lock);
    expect(status()).toBe("stopped");
    writeFileSync(join(directory, "init"), readFileSync("/proc/self/stat"));
    const waiting = openSync(join(directory, "start"), "r+");
    expect([status(), readRuntimeLife(directory, []).init?.pid]).toEqual(["created", process.pid]);
    // Whoever has frozen a cgroup above says nothing of this container: resume could not let it go on.
    for (const [own, said] of [["0\n", "created"], ["1\n", "paused"]] as const) {
      for (const [file, text] of [["freezer.state", "FROZEN\n"], ["freezer.self_freezing", own]] as const) writeFileSync(join(directory, file), text);
      expect(status([directory])).toBe(said);
    }
    for (const file of ["freezer.state", "freezer.self_freezing"]) rmSync(join(directory, file));
    // It runs, and the start that gave the word was killed before it took the fifo away.
    closeSync(waiting);
    expect(status()).toBe("running");
    const words = readFileSync("/proc/self/stat", "utf8").split(" ");
    words[21] = String(Number(words[21]) + 1);
    writeFileSync(join(directory, "init"), words.join(" "));
    expect(status()).toBe("stopped");
    removeRuntimeState(directory);
  });
});

describe("a first process", () => {
  test("is believed only with its start time", () => {
    const { directory, lock } = reserveContainer(root, "init");
    writeFileSync(join(directory, "init"), readFileSync("/proc/self/stat"));
    const init = readInit(directory) ?? { pid: 0, start: 0 };
    const pidfd = openInit(init);
    expect(pidfd).toBeGreaterThan(2);
    close(pidfd);
    expect(isAlive({ ...init, start: init.start + 1 })).toBe(false);
    expect(openInit({ ...init, start: init.start + 1 })).toBe(-3);
    for (const text of ["", "no parenthesis", "1 ("]) {
      writeFileSync(join(directory, "init"), text);
      expect(readInit(directory)).toBeUndefined();
    }
    close(lock);
    removeRuntimeState(directory);
  });
});
