/** Real cgroups for tests, one in each of the hierarchies asked for, with processes that wait. Needs root. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseCgroupLayout } from "../src/kernel/cgroup.ts";
import { parseMountinfo } from "../src/kernel/mountinfo.ts";
import { removeCgroup } from "../src/engine/removal.ts";

const layout = parseCgroupLayout(parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8")));
let count = 0;

/** `unified` is the v2 tree, which hybrid hosts have as well. */
export function hasHierarchy(controller: string): boolean {
  return controller === "unified" ? layout.unified !== undefined : layout.controllers.has(controller);
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
