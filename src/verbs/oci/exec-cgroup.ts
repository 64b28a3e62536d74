/** Which cgroups a process of `exec` joins: the container's own, or with `--cgroup [CONTROLLER[,CONTROLLER]:]PATH` one below them that is there (runc-exec(8)). Pure. */
import { PidboxError } from "../../base/error.ts";
import { quote } from "../../base/text.ts";
import type { CgroupHierarchy } from "../../plan/host-facts.ts";

function unusable(value: string, why: string): PidboxError {
  return new PidboxError("USAGE", `Cannot use ${quote(value, 80)} for --cgroup: ${why}`, { context: { from: "--cgroup" } });
}

function parse(value: string): { readonly controllers: readonly string[] | undefined; readonly path: string } {
  const colon = value.indexOf(":");
  const parts = value.slice(colon + 1).split("/").filter((part) => part !== "");
  if (parts.some((part) => part === "." || part === ".." || part.includes("\0"))) throw unusable(value, "its path does not lie below the container's cgroup");
  return { controllers: colon < 0 ? undefined : value.slice(0, colon).split(","), path: parts.map((part) => `/${part}`).join("") };
}

function hierarchyOf(directory: string, hierarchies: readonly CgroupHierarchy[]): CgroupHierarchy | undefined {
  const above = hierarchies.filter(({ mountPoint }) => directory === mountPoint || directory.startsWith(`${mountPoint}/`));
  return above.sort((a, b) => b.mountPoint.length - a.mountPoint.length)[0];
}

/** `cgroups` are the container's directories, one a hierarchy; what comes back has the same order. Throws USAGE. */
export function execCgroups(cgroups: readonly string[], hierarchies: readonly CgroupHierarchy[], values: readonly string[]): string[] {
  const joined = [...cgroups];
  for (const value of values) {
    const { controllers, path } = parse(value);
    let found = false;
    cgroups.forEach((directory, i) => {
      const hierarchy = hierarchyOf(directory, hierarchies);
      const named = controllers?.some((name) => hierarchy?.version === 1 && hierarchy.controllers.includes(name)) ?? true;
      if (!named) return;
      joined[i] = `${directory}${path}`;
      found = true;
    });
    if (!found) throw unusable(value, "the container has no cgroup of this controller");
  }
  return joined;
}
