import type { ContainerCheck } from "../check.ts";
import { judgeWritable, writableReads } from "../obstacles.ts";

const PATTERN = "/sys/kernel/core_pattern";

export const check: ContainerCheck = {
  scope: "container",
  id: "P09",
  name: "core-pattern",
  title: "The kernel's core pattern can be written",
  severity: "critical",
  why:
    "A core pattern that begins with a pipe is a program that the kernel starts as root on the host when a process anywhere dumps core. " +
    "Who can write it from a container needs one crash to leave.",
  references: ["PSS baseline (procMount)", "T1611"],
  remedy: {
    text: "Keep /proc/sys read-only, as engines do, and map root in the container to another user",
    docker: "docker run   # without --privileged and --security-opt systempaths=unconfined",
    podman: "podman run   # without --privileged and --security-opt unmask=ALL",
    compose: "# remove from the service:\nprivileged: true",
    kubernetes: "securityContext:\n  privileged: false\n  procMount: Default",
  },
  reads: writableReads({ proc: [PATTERN] }),
  evaluate: (container, facts) => judgeWritable(container, facts, "proc", [PATTERN]),
};
