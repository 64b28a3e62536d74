import type { ContainerCheck } from "../check.ts";
import { answerOf, algAccess, SURFACE_FILES } from "../surface.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "K05",
  name: "af-alg",
  title: "Sockets of the kernel's crypto interface (AF_ALG) can be made",
  severity: "high",
  why:
    "Copy Fail (CVE-2026-31431) writes to files that a process may only read, by way of AF_ALG, and needs no privilege. Hardly a program needs these sockets; Docker denies them since April 2026.",
  references: ["CVE-2026-31431", "T1068"],
  remedy: {
    text: "Leave the engine's default filter on, of a version that denies it",
    docker: "docker run   # without --privileged and --security-opt seccomp=unconfined",
    podman: "podman run   # without --privileged and --security-opt seccomp=unconfined",
    compose: "# remove from security_opt:\n- seccomp:unconfined",
    kubernetes: "securityContext:\n  seccompProfile:\n    type: RuntimeDefault",
    host: "echo 'install algif_aead /bin/false' > /etc/modprobe.d/algif.conf",
  },
  reads: { files: Object.values(SURFACE_FILES) },
  evaluate: (container, facts) => answerOf(algAccess(container, facts)),
};
