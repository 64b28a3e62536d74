import type { ContainerCheck } from "../check.ts";
import { algAccess, answerOf, DEFAULT_FILTER, SURFACE_FILES } from "../surface.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "K05",
  name: "af-alg",
  title: "Sockets of the kernel's crypto interface (AF_ALG) can be made",
  severity: "high",
  why:
    "Copy Fail (CVE-2026-31431) writes to files that a process may only read, by way of AF_ALG, and needs no privilege. Hardly a program needs these sockets; Docker denies them since April 2026.",
  references: ["CVE-2026-31431", "T1068"],
  remedy: { ...DEFAULT_FILTER, host: "echo 'install algif_aead /bin/false' > /etc/modprobe.d/algif.conf" },
  reads: { files: Object.values(SURFACE_FILES) },
  evaluate: (container, facts) => answerOf(algAccess(container, facts)),
};
