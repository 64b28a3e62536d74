import type { ContainerCheck } from "../check.ts";
import { answerOf, bpfAccess, DEFAULT_FILTER, SURFACE_FILES } from "../surface.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "K10",
  name: "bpf-call",
  title: "bpf(2) is in reach",
  severity: "high",
  why:
    "The verifier of eBPF programs is a large parser of what a process gives it, and mistakes in it were used to become root of the host. Without privileges hardly a program in a container needs it.",
  references: ["CVE-2021-3490", "T1068"],
  remedy: { ...DEFAULT_FILTER, host: "sysctl -w kernel.unprivileged_bpf_disabled=1" },
  reads: { files: Object.values(SURFACE_FILES) },
  evaluate: (container, facts) => answerOf(bpfAccess(container, facts)),
};
