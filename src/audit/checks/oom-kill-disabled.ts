import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, inapplicable, pass, saw, unknown } from "../check.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "G31",
  name: "oom-kill-disabled",
  title: "At its memory limit the container hangs instead of being killed",
  severity: "medium",
  why: "With memory.oom_control of v1 its processes sleep for ever at the limit, with what locks of the kernel they hold; without a limit the host itself hangs.",
  references: ["CIS Docker 5.28", "T1499"],
  remedy: { text: "Leave the kernel's killer on", docker: "docker run   # without --oom-kill-disable", podman: "podman run   # without --oom-kill-disable", compose: "# remove: oom_kill_disable" },
  evaluate({ cgroups, cgroupFiles }) {
    const directory = cgroups.get("memory");
    const path = `${directory ?? ""}/memory.oom_control`;
    const content = cgroupFiles.get(path);
    if (directory === undefined || content === undefined) return inapplicable("cgroup v2 has no such switch", saw("memory.oom_control", "not there"));
    if (typeof content === "number") return unknown("the switch could not be read", evidenceOf(path, content));
    return /^oom_kill_disable 1$/m.test(content) ? finding("the killer is off", saw(path, "oom_kill_disable 1")) : pass("the killer is on", saw(path, "oom_kill_disable 0"));
  },
};
