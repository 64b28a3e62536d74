import { describe, expect, test } from "bun:test";
import { hasHierarchy, testCgroups } from "../../test/cgroups.ts";
import { needs } from "../../test/parts.ts";
import { freezeCgroups, readFreezer, thawCgroups } from "./cgroup-freeze.ts";
import { killCgroups, listCgroupProcesses, signalCgroups } from "./cgroup-processes.ts";

const SETS = [["pids"], ["pids", "freezer", "memory"], ["unified"], ["pids", "unified"]].filter((set) => set.every(hasHierarchy));

describe.each(SETS.map((set) => [set.join(" + "), set] as const))("with %s", (_name, set) => {
  needs("root")("listCgroupProcesses() counts each process once, in order, with those below", () => {
    using cgroups = testCgroups(...set);
    expect(listCgroupProcesses(cgroups.directories)).toEqual([]);
    const pids = [cgroups.sleeper("a/b"), cgroups.sleeper("c"), cgroups.sleeper("c")].map(({ pid }) => pid);
    expect(listCgroupProcesses(cgroups.directories)).toEqual(pids.toSorted((a, b) => a - b));
  });

  needs("root")("signalCgroups() reaches every process and no other", async () => {
    using cgroups = testCgroups(...set);
    const sleepers = [cgroups.sleeper("a"), cgroups.sleeper("b")];
    const other = Bun.spawn(["sleep", "1000"]);
    expect(signalCgroups(cgroups.directories, 15)).toEqual(sleepers.map(({ pid }) => pid).toSorted((a, b) => a - b));
    for (const child of sleepers) await child.exited;
    expect([...sleepers, other].map((child) => child.signalCode)).toEqual(["SIGTERM", "SIGTERM", null]);
    other.kill();
    await other.exited;
  });

  needs("root")("killCgroups() leaves none alive", async () => {
    using cgroups = testCgroups(...set);
    const sleepers = [cgroups.sleeper("a"), cgroups.sleeper("a/b"), cgroups.sleeper("c")];
    killCgroups(cgroups.directories);
    for (const child of sleepers) await child.exited;
    expect(sleepers.map((child) => child.signalCode)).toEqual(["SIGKILL", "SIGKILL", "SIGKILL"]);
    expect(listCgroupProcesses(cgroups.directories)).toEqual([]);
  });
});

if (hasHierarchy("freezer")) {
  needs("root")("signalCgroups() leaves a paused container paused: the signal waits", async () => {
    using cgroups = testCgroups("freezer");
    const child = cgroups.sleeper();
    freezeCgroups(cgroups.directories);
    expect(signalCgroups(cgroups.directories, 15)).toEqual([child.pid]);
    expect(readFreezer(cgroups.directories)).toBe("frozen");
    thawCgroups(cgroups.directories);
    await child.exited;
    expect(child.signalCode).toBe("SIGTERM");
  });
}

test("cgroups that are not there have no processes", () => {
  expect([listCgroupProcesses(["/nowhere"]), signalCgroups(["/nowhere"], 15)]).toEqual([[], []]);
});
