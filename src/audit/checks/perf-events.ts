import type { ContainerCheck } from "../check.ts";
import { answerOf, DEFAULT_FILTER, perfAccess, SURFACE_FILES } from "../surface.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "K11",
  name: "perf-events",
  title: "perf_event_open(2) is in reach",
  severity: "medium",
  why:
    "Performance events are a large part of the kernel with a history of holes, and measure what other programs of the machine do. Default filters deny them.",
  references: ["CVE-2023-6931", "T1068"],
  remedy: { ...DEFAULT_FILTER, host: "sysctl -w kernel.perf_event_paranoid=3   # forbids it as a whole on Debian and Ubuntu" },
  reads: { files: Object.values(SURFACE_FILES) },
  evaluate: (container, facts) => answerOf(perfAccess(container, facts)),
};
