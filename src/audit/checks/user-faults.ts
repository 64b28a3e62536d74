import type { ContainerCheck } from "../check.ts";
import { answerOf, faultAccess, SURFACE_FILES } from "../surface.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "K31",
  name: "user-faults",
  title: "userfaultfd(2) stops the kernel at faults of the container's choice",
  severity: "medium",
  why:
    "With userfaultfd a process stops the kernel in the midst of a copy for as long as it likes, which makes races easy to win that are otherwise hopeless. Default filters deny it.",
  references: ["T1068"],
  remedy: {
    text: "Leave the engine's default filter on, of a version that denies it",
    docker: "docker run   # without --privileged and --security-opt seccomp=unconfined",
    podman: "podman run   # without --privileged and --security-opt seccomp=unconfined",
    compose: "# remove from security_opt:\n- seccomp:unconfined",
    kubernetes: "securityContext:\n  seccompProfile:\n    type: RuntimeDefault",
    host: "sysctl -w vm.unprivileged_userfaultfd=0",
  },
  reads: { files: Object.values(SURFACE_FILES) },
  evaluate: (container, facts) => answerOf(faultAccess(container, facts)),
};
