import type { ContainerCheck } from "../check.ts";
import { finding, inapplicable, pass, saw, unknown } from "../check.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "L05",
  name: "hidden-processes",
  title: "Every user in the container sees all of its processes",
  severity: "low",
  why: "Arguments often hold passwords, and a process table tells a less trusted user in the same container what to wait for. hidepid shows each user only its own.",
  references: ["T1057"],
  remedy: { text: "Mount /proc with hidepid or subset=pid", podman: "podman run --security-opt proc-opts=hidepid=2", docker: "# Docker has no flag for it: use the runtime pidbox-oci, whose /proc can have it in config.json" },
  evaluate({ container, mounts, tasks }) {
    const source = `/proc/${container.initPid ?? 0}/mountinfo`;
    if (typeof mounts === "number") return unknown("its mount table could not be read", saw(source, mounts));
    const proc = mounts.findLast(({ mountPoint, type }) => mountPoint === "/proc" && type === "proc");
    if (proc === undefined) return inapplicable("it has no /proc", saw(source, ""));
    const evidence = saw(source, `/proc - proc ${proc.superOptions.join(",")}`);
    const hides = proc.superOptions.find((option) => /^(hidepid=(?!0$|off$)|subset=pid)/.test(option));
    const users = new Set(tasks.map(({ status }) => status.uids.effective));
    if (hides !== undefined) return pass(hides, evidence);
    return users.size < 2 ? inapplicable("all run as one user", evidence) : finding(`${users.size} users see each other`, evidence);
  },
};
