import type { ContainerCheck } from "../check.ts";
import { blocked, finding, inapplicable, pass, saw } from "../check.ts";
import { mayHaveHostUsers } from "../host-users.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "G10",
  name: "cgroup-descendants",
  title: "No limit of cgroups below a delegated one",
  severity: "low",
  why: "Each cgroup costs memory of the kernel that no limit counts. A container that may make cgroups can make them without end.",
  references: ["T1499"],
  remedy: { text: "Bound how many it can make", host: "echo 100 > /sys/fs/cgroup/PATH/cgroup.max.descendants" },
  evaluate({ container, mounts, cgroups, cgroupFiles }) {
    const writable = typeof mounts === "object" && mounts.some(({ type, options }) => type === "cgroup2" && options.includes("rw"));
    const directory = cgroups.get("unified");
    if (!writable || directory === undefined) return inapplicable("it cannot make cgroups", saw(`/proc/${container.initPid ?? 0}/mountinfo`, "no writable cgroup2"));
    const levels: string[] = [];
    for (let level = directory; level !== ""; level = level.slice(0, level.lastIndexOf("/"))) levels.push(`${level}/cgroup.max.descendants`);
    const bound = levels.find((path) => /^[0-9]+$/.test(String(cgroupFiles.get(path) ?? "")));
    if (bound !== undefined) return pass(`at most ${String(cgroupFiles.get(bound))}`, saw(bound, cgroupFiles.get(bound) ?? ""));
    const evidence = saw(levels[0] ?? directory, cgroupFiles.get(levels[0] ?? "") ?? "");
    return mayHaveHostUsers(container) ? finding("none", evidence) : blocked("user namespace", "none, where its root owns no cgroup", evidence);
  },
};
