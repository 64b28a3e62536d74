import type { TaskFacts } from "../../engine/posture.ts";
import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";

/** Paths by hierarchy: 0 is v2. */
function pathsOf(task: TaskFacts): ReadonlyMap<number, string> {
  return new Map(typeof task.cgroups === "number" ? [] : task.cgroups.map(({ hierarchy, path }) => [hierarchy, path]));
}

/** The directory that holds a container's cgroups: engines and init systems put processes into children of it. */
const within = (path: string, tree: string): boolean => path === tree || path.startsWith(`${tree}/`);

export const check: ContainerCheck = {
  scope: "container",
  id: "G09",
  name: "cgroup-escaped",
  title: "A process of the container is outside its cgroup",
  severity: "high",
  why: "Limits, the device list, freezing and kill --all do not reach it: an exec or nsenter that did not join, or a process that moved itself.",
  references: ["T1611"],
  remedy: {
    text: "Find who started it, and start it by the engine's exec, which joins the cgroup",
    docker: "docker exec NAME COMMAND   # instead of nsenter",
    podman: "podman exec NAME COMMAND",
    kubernetes: "kubectl exec POD -- COMMAND",
    host: "nsenter --cgroup ...   # and write the PID into the container's cgroup.procs",
  },
  evaluate(container) {
    const own = container.first === undefined ? new Map<number, string>() : pathsOf(container.first);
    // A container that an engine put in no cgroup of its own has none to leave.
    const bounded = [...own].filter(([, path]) => path !== "/");
    return eachTask(container, "cgroup", (task) => {
      if (typeof task.cgroups === "number") return { verdict: "unknown", text: "its cgroup could not be read", value: task.cgroups };
      const paths = pathsOf(task);
      const value = [...paths.values()].toSorted((a, b) => b.length - a.length)[0] ?? "";
      if (bounded.length === 0) return { verdict: "not-applicable", text: "it has no cgroup of its own", value };
      // PID 1 of a container may be in a child (init.scope): the common parent is what its engine made.
      const outside = bounded.filter(([hierarchy, path]) => {
        const found = paths.get(hierarchy);
        return found !== undefined && !within(found, path) && !within(found, path.slice(0, path.lastIndexOf("/")) || path);
      });
      const moved = outside.map(([hierarchy]) => paths.get(hierarchy) ?? "");
      return moved.length > 0 ? { verdict: "finding", text: `it is in ${moved[0] ?? ""}`, value: moved[0] ?? "" } : { verdict: "pass", text: "all are inside", value };
    });
  },
};
