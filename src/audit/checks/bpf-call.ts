import type { ContainerCheck } from "../check.ts";
import { answerOf, bpfAccess, SURFACE_FILES } from "../surface.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "K10",
  name: "bpf-call",
  title: "bpf(2) is in reach",
  severity: "high",
  why:
    "The verifier of eBPF programs is a large parser of what a process gives it, and mistakes in it were used to become root of the host. Without privileges hardly a program in a container needs it.",
  references: ["CVE-2021-3490", "T1068"],
  remedy: {
    text: "Leave the engine's default filter on, of a version that denies it",
    docker: "docker run   # without --privileged and --security-opt seccomp=unconfined",
    podman: "podman run   # without --privileged and --security-opt seccomp=unconfined",
    compose: "# remove from security_opt:\n- seccomp:unconfined",
    kubernetes: "securityContext:\n  seccompProfile:\n    type: RuntimeDefault",
    host: "sysctl -w kernel.unprivileged_bpf_disabled=1",
  },
  reads: { files: Object.values(SURFACE_FILES) },
  evaluate: (container, facts) => answerOf(bpfAccess(container, facts)),
};
