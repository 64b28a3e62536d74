import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasHierarchy, testCgroups } from "../../test/cgroups.ts";
import { needs } from "../../test/parts.ts";
import { freezeCgroups, readFreezer, thawCgroups, tryFreeze } from "./cgroup-freeze.ts";
import { killCgroups } from "./cgroup-processes.ts";

/** Letter of the state in /proc/PID/stat. */
const stateOf = (pid: number): string => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.[0] ?? "";

for (const hierarchy of ["freezer", "unified"].filter(hasHierarchy)) {
  describe(`with the freezer of ${hierarchy}`, () => {
    needs("root")("freezeCgroups() stops all processes, thawCgroups() lets them go on", () => {
      using cgroups = testCgroups(hierarchy);
      const sleepers = [cgroups.sleeper(), cgroups.sleeper(hierarchy === "freezer" ? "below" : "")];
      expect(readFreezer(cgroups.directories)).toBe("thawed");
      freezeCgroups(cgroups.directories);
      expect(readFreezer(cgroups.directories)).toBe("frozen");
      // A frozen process takes no signal: one that would stop it stays pending.
      for (const { pid } of sleepers) process.kill(pid, "SIGSTOP");
      expect(sleepers.map(({ pid }) => stateOf(pid))).not.toContain("T");
      freezeCgroups(cgroups.directories);
      thawCgroups(cgroups.directories);
      expect(readFreezer(cgroups.directories)).toBe("thawed");
      for (const child of sleepers) while (stateOf(child.pid) !== "T");
      thawCgroups(cgroups.directories);
    });

    needs("root")("killCgroups() kills what is frozen, too", async () => {
      using cgroups = testCgroups(hierarchy);
      const child = cgroups.sleeper();
      freezeCgroups(cgroups.directories);
      killCgroups(cgroups.directories);
      await child.exited;
      expect(child.signalCode).toBe("SIGKILL");
    });

    needs("root")("freezeCgroups() has time to spare for an empty one, and none left is a failure that leaves it thawed", () => {
      using cgroups = testCgroups(hierarchy);
      expect(tryFreeze(cgroups.directories, 5000)).toBe(true);
      thawCgroups(cgroups.directories);
      expect(readFreezer(cgroups.directories)).toBe("thawed");
    });
  });
}

test("freezeCgroups() says what is missing where there is no freezer; thawing is then no error", () => {
  expect(() => freezeCgroups(["/nowhere"])).toThrow("none of its cgroups has a freezer (freezer.state of v1, cgroup.freeze of v2)");
  expect([readFreezer(["/nowhere"]), tryFreeze([], 0)]).toEqual(["absent", false]);
  thawCgroups(["/nowhere"]);
});

describe("a freezer that never gets there", () => {
  test.each([
    ["v1", { "freezer.state": "FREEZING\n", "freezer.self_freezing": "1\n" }, "freezer.state", "THAWED"],
    ["v2", { "cgroup.freeze": "", "cgroup.events": "populated 1\nfrozen 0\n" }, "cgroup.freeze", "0"],
  ])("of %s is an error after the deadline, and thawed again", (version, files, state, thawed) => {
    const directory = mkdtempSync(join(tmpdir(), `pidbox-freeze-${version}-`));
    using _ = { [Symbol.dispose]: () => rmSync(directory, { recursive: true }) };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    expect(() => freezeCgroups([directory], 30)).toThrow("its processes did not stop within 30 ms, so they run on");
    expect(readFileSync(join(directory, state), "utf8")).toStartWith(thawed);
  });
});
