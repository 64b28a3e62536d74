import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw, unknown } from "../check.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "G11",
  name: "cgroup-parent",
  title: "The container is in no cgroup of its own",
  severity: "medium",
  why: "In the root cgroup, or in the one of its starter, nothing bounds it, nothing counts what it uses, and it cannot be frozen or killed as a whole.",
  references: ["CIS Docker 5.25"],
  remedy: {
    text: "Let the engine make a cgroup for it",
    docker: "docker run   # without --cgroup-parent=/",
    podman: "podman run --cgroups enabled",
    compose: "# remove: cgroup_parent",
    host: "systemd-run --scope COMMAND   # for what no engine starts",
  },
  evaluate({ container, first, tasks, processes }) {
    const source = `/proc/${container.initPid ?? 0}/cgroup`;
    if (first === undefined || typeof first.cgroups === "number") return unknown("its cgroup could not be read", saw(source, ""));
    const deepest = first.cgroups.map(({ path }) => path).toSorted((a, b) => b.length - a.length)[0] ?? "/";
    const evidence = saw(source, deepest);
    if (deepest === "/" || container.cgroup === null) return finding(deepest === "/" ? "the root of every hierarchy" : `that of its starter: ${deepest}`, evidence);
    return pass(`${deepest}, with ${processes.length} processes and ${tasks.length} threads`, evidence);
  },
};
