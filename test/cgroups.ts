/** Real cgroups for tests, one in each of the hierarchies asked for, with processes that wait. Needs root. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseCgroupLayout } from "../src/kernel/cgroup.ts";
import { parseMountinfo } from "../src/kernel/mountinfo.ts";
import { removeCgroup } from "../src/engine/removal.ts";

const layout = parseCgroupLayout(parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8")));
let count = 0;

/** `unified` is the v2 tree, which hybrid hosts have as well. */
export function hasHierarchy(controller: string): boolean {
  return controller === "unified" ? layout.unified !== undefined : layout.controllers.has(controller);
}

/** Removes the cgroups whose names begin with `prefix` from the top of every hierarchy, with all that is in them. Returns those that were there. */
export function removeCgroups(prefix: string): string[] {
  const mounts = [layout.unified, ...layout.controllers.values()].map((mount) => mount?.mountPoint ?? "/nowhere");
  const found = [...new Set(mounts)].filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path).filter((name) => name.startsWith(prefix)).map((name) => `${path}/${name}`));
  for (const path of found) {
    // A process of version 1 that is frozen cannot die.
    if (existsSync(`${path}/freezer.state`)) writeFileSync(`${path}/freezer.state`, "THAWED");
    removeCgroup(path);
  }
  return found;
}

export interface TestCgroups {
  readonly directories: readonly string[];
  /** A `sleep` that is in all of them, or in the cgroup `below` of each. */
  readonly sleeper: (below?: string) => Bun.Subprocess;
  readonly [Symbol.dispose]: () => void;
}

export function testCgroups(...controllers: readonly string[]): TestCgroups {
  const name = `pidbox-test-${process.pid}-${++count}`;
  const directories = controllers.map((controller) => {
    const mount = controller === "unified" ? layout.unified : layout.controllers.get(controller);
    return `${mount?.mountPoint ?? "/nowhere"}/${name}`;
  });
  for (const directory of directories) mkdirSync(directory);
  return {
    directories,
    sleeper: (below = "") => {
      const child = Bun.spawn(["sleep", "1000"], { stdio: ["ignore", "ignore", "ignore"] });
      for (const directory of directories) {
        mkdirSync(`${directory}/${below}`, { recursive: true });
        writeFileSync(`${directory}/${below}/cgroup.procs`, String(child.pid));
      }
      return child;
    },
    [Symbol.dispose]: () => {
      for (const directory of directories) removeCgroup(directory);
    },
  };
}
