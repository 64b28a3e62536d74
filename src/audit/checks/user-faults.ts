import type { ContainerCheck } from "../check.ts";
import { answerOf, DEFAULT_FILTER, faultAccess, SURFACE_FILES } from "../surface.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "K31",
  name: "user-faults",
  title: "userfaultfd(2) stops the kernel at faults of the container's choice",
  severity: "medium",
  why:
    "With userfaultfd a process stops the kernel in the midst of a copy for as long as it likes, which makes races easy to win that are otherwise hopeless. Default filters deny it.",
  references: ["T1068"],
  remedy: { ...DEFAULT_FILTER, host: "sysctl -w vm.unprivileged_userfaultfd=0" },
  reads: { files: Object.values(SURFACE_FILES) },
  evaluate: (container, facts) => answerOf(faultAccess(container, facts)),
};
