import type { Severity } from "../../report/finding.ts";
import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw } from "../check.ts";
import { taskFile } from "../each-task.ts";
import { mayHaveHostUsers } from "../host-users.ts";

/** By bit (capability.h): what each opens, over the initial user namespace. */
const DANGEROUS: readonly (readonly [number, string, Severity, string])[] = [
  [21, "CAP_SYS_ADMIN", "critical", "mounts, namespaces, and what has no capability of its own"],
  [16, "CAP_SYS_MODULE", "critical", "loads code into the kernel"],
  [17, "CAP_SYS_RAWIO", "critical", "reads and writes memory and ports of the machine"],
  [39, "CAP_BPF", "high", "loads programs into the kernel"],
  [38, "CAP_PERFMON", "high", "sees what the kernel and other processes do"],
  [40, "CAP_CHECKPOINT_RESTORE", "medium", "follows links in /proc of other processes"],
  [22, "CAP_SYS_BOOT", "high", "restarts the host, or boots another kernel"],
  [34, "CAP_SYSLOG", "medium", "reads the kernel's log and its addresses"],
  [32, "CAP_MAC_OVERRIDE", "high", "is not bound by Smack's rules"],
  [33, "CAP_MAC_ADMIN", "high", "changes the policy of security modules"],
  [25, "CAP_SYS_TIME", "medium", "sets the host's clock"],
  [20, "CAP_SYS_PACCT", "low", "switches process accounting"],
  [9, "CAP_LINUX_IMMUTABLE", "low", "changes files that are marked immutable"],
  [30, "CAP_AUDIT_CONTROL", "high", "switches the kernel's audit off"],
  [24, "CAP_SYS_RESOURCE", "medium", "goes beyond limits and quotas"],
  [26, "CAP_SYS_TTY_CONFIG", "low", "hangs up terminals of the host"],
];

export const check: ContainerCheck = {
  scope: "container",
  id: "C06",
  name: "dangerous-capabilities",
  title: "A capability by which a container gets out or takes the host down",
  severity: "high",
  why: "Each of these opens, over the initial user namespace, a part of the host that no other layer keeps shut for certain.",
  references: ["CIS Docker 5.4", "PSS baseline (capabilities)", "T1611"],
  remedy: {
    text: "Take it away, or give the one device, file or service that it is wanted for",
    docker: "docker run --cap-drop NAME   # and without --privileged",
    podman: "podman run --cap-drop NAME",
    compose: "cap_drop: [NAME]",
    kubernetes: "securityContext:\n  privileged: false\n  capabilities:\n    drop: [ALL]",
  },
  evaluate(container) {
    const shared = mayHaveHostUsers(container.container);
    const answers = DANGEROUS.flatMap(([bit, name, severity, text]) => {
      const task = container.tasks.find(({ status: { capabilities } }) => (capabilities.effective & (1n << BigInt(bit))) !== 0n);
      if (task === undefined) return [];
      const evidence = saw(taskFile(task, "status"), `CapEff: ${task.status.capabilities.effective.toString(16).padStart(16, "0")}`);
      if (shared) return [{ ...finding(`${name}: ${text}`, evidence), severity }];
      return [{ verdict: "blocked" as const, by: "user namespace", text: `${name}: ${text}`, evidence: [evidence], severity }];
    });
    if (answers.length > 0) return answers;
    if (container.unreadable.length > 0) return { verdict: "unknown", text: `${container.unreadable.length} of its threads could not be read`, evidence: [] };
    return pass("none of them", saw(`/proc/${container.container.initPid ?? 0}/status`, ""));
  },
};
