import { finding, inapplicable, pass, saw, unknown } from "../check.ts";
import type { ContainerCheck } from "../check.ts";
import { taskFile } from "../each-task.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "Q07",
  name: "seccomp-differs",
  title: "Processes of the container have fewer filters than its first",
  severity: "low",
  why:
    "Filters can only be added and are inherited, so a process with fewer than the first one did not come from it: somebody joined the container from outside without its filter. " +
    "What it runs is less confined than the container seems to be.",
  references: ["T1611"],
  remedy: {
    text: "Enter containers through their engine, which loads the filter again",
    docker: "docker exec   # not nsenter",
    podman: "podman exec   # not nsenter",
  },
  evaluate({ tasks, first }) {
    const count = first?.status.seccompFilters;
    if (first === undefined || count === undefined) return unknown("this kernel does not tell how many filters there are", saw("Seccomp_filters", "no such line"));
    if (count === 0) return inapplicable("its first process has no filter", saw(taskFile(first, "status"), "Seccomp_filters: 0"));
    const fewer = tasks.filter(({ status }) => (status.seccompFilters ?? count) < count);
    const [one] = fewer;
    if (one === undefined) return pass(`none has fewer than ${count}`, saw(taskFile(first, "status"), `Seccomp_filters: ${count}`));
    const others = fewer.length > 1 ? ` and ${fewer.length - 1} more` : "";
    return finding(`PID ${one.pid} (${one.status.name})${others}: ${one.status.seccompFilters ?? 0}, the first has ${count}`, saw(taskFile(one, "status"), `Seccomp_filters: ${one.status.seccompFilters ?? 0}`));
  },
};
