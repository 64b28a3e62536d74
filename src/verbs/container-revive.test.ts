import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { giveUp, revive } from "./container-revive.ts";

const root = mkdtempSync("/tmp/pidbox-revive-");
const ids = join(root, "ids");
mkdirSync(ids);
afterAll(() => rmSync(root, { recursive: true, force: true }));
const starter = { root, executable: "/nonexistent" };
const LINK = join(ids, String(0x4000_0000));

/** A stored container with an id range of its own. */
function stored(id: string, logs?: string): string {
  const directory = join(root, "containers", id);
  mkdirSync(directory, { recursive: true });
  const kept = { input: "none", log: { driver: "json-file" }, restart: { name: "no", retries: 0 } };
  const blueprint = { id, config: { ociVersion: "1.2.0" }, rootfs: { kind: "bind", source: "/" } };
  writeFileSync(join(directory, "state.json"), JSON.stringify({
    version: 1, id, name: id, command: [], names: [], reservations: [LINK], cgroups: [], kept, blueprint, ...(logs === undefined ? {} : { logs }),
  }));
  return directory;
}

describe("an id range", () => {
  test("is not taken by a container that cannot be made ready", () => {
    const data = join(root, "data");
    const id = "1".repeat(64);
    mkdirSync(data);
    chmodSync(data, 0o777);
    const directory = stored(id, join(data, "logs", id));
    expect(() => revive(directory, starter)).toThrow("is not a directory that only you can write");
    expect(readdirSync(ids)).toEqual([]);
  });

  test("is taken and given up by the container alone that has it", () => {
    const id = "2".repeat(64);
    const revival = revive(stored(id), starter);
    expect(readlinkSync(LINK)).toBe(id);
    giveUp(revival);
    expect(readdirSync(ids)).toEqual([]);
    // The launcher has given it up already, and another container has taken it.
    const other = "3".repeat(64);
    symlinkSync(other, LINK);
    giveUp(revival);
    expect(readlinkSync(LINK)).toBe(other);
    unlinkSync(LINK);
  });
});
