import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../../test/parts.ts";
import { readHost } from "./host.ts";
import { removeCgroup, removeContainer } from "./removal.ts";
import type { ContainerState } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "pidbox-removal-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

/** A store with one container, its names and its reservation. Its cgroups are directories. */
function place(options: { owner?: string } = {}): { root: string; directory: string; state: ContainerState } {
  const id = String(++count).padStart(64, "0");
  const root = join(folder, String(count));
  const directory = `${root}/containers/${id}`;
  for (const path of [directory, `${root}/names`, `${root}/ids`, `${root}/cgroup/deep/er`]) mkdirSync(path, { recursive: true });
  for (const file of ["state.json", "status"]) writeFileSync(`${directory}/${file}`, "{}");
  symlinkSync(options.owner ?? id, `${root}/names/web`);
  symlinkSync(id, `${root}/ids/0`);
  const state = { cgroups: [`${root}/cgroup`, `${root}/never-made`], names: [`${root}/names/web`], reservations: [`${root}/ids/0`] } as unknown as ContainerState;
  return { root, directory, state };
}

describe("removeContainer()", () => {
  test("takes cgroups with those below them, reservations, names and the record", () => {
    const { root, directory, state } = place();
    expect(removeContainer(directory, state, false)).toEqual([]);
    expect([existsSync(directory), existsSync(`${root}/cgroup`), readdirSync(`${root}/names`), readdirSync(`${root}/ids`)]).toEqual([false, false, [], []]);
    expect(removeContainer(directory, state, false)).toEqual([]);
  });
  test("keeps the record and the name if told so", () => {
    const { root, directory, state } = place();
    expect(removeContainer(directory, state, true)).toEqual([]);
    expect([readdirSync(directory).sort(), readdirSync(`${root}/names`), readdirSync(`${root}/ids`), existsSync(`${root}/cgroup`)]).toEqual([
      ["state.json", "status"],
      ["web"],
      [],
      false,
    ]);
  });
  test("takes back no name that another container has by now", () => {
    const { root, directory, state } = place({ owner: "other" });
    expect(removeContainer(directory, state, false)).toEqual([]);
    expect(readdirSync(`${root}/names`)).toEqual(["web"]);
  });
  test("names what it could not remove, and keeps the record for the next try", () => {
    const { directory, state, root } = place();
    writeFileSync(`${root}/cgroup/deep/file`, "");
    expect(removeContainer(directory, state, false)).toEqual([`${root}/cgroup`]);
    expect(existsSync(`${directory}/state.json`)).toBe(true);
  });
  test("removes a directory without a state", () => {
    const { directory } = place();
    expect(removeContainer(directory, undefined, false)).toEqual([]);
    expect(existsSync(directory)).toBe(false);
  });
});

describe("removeCgroup()", () => {
  needs("root")("kills what is in it and in those below it", async () => {
    const hierarchy = readHost().facts.cgroups.find((one) => one.controllers.includes("pids"));
    expect(hierarchy).toBeDefined();
    const cgroup = `${hierarchy?.directory ?? ""}/pidbox-removal-${process.pid}`;
    mkdirSync(`${cgroup}/below`, { recursive: true });
    const sleepers = [cgroup, `${cgroup}/below`].map((path) => {
      const child = Bun.spawn(["sleep", "1000"], { stdio: ["ignore", "ignore", "ignore"] });
      writeFileSync(`${path}/cgroup.procs`, String(child.pid));
      return child;
    });
    expect(removeCgroup(cgroup)).toBe(true);
    expect(existsSync(cgroup)).toBe(false);
    for (const child of sleepers) await child.exited;
    expect(sleepers.map((child) => child.signalCode)).toEqual(["SIGKILL", "SIGKILL"]);
  });
  test("is content if there is none", () => expect(removeCgroup(join(folder, "absent"))).toBe(true));
});
