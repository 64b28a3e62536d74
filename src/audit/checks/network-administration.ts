import type { ContainerCheck } from "../check.ts";
import { allOf, answerOf, CAP, capabilityAccess, moduleAccess, SURFACE_FILES } from "../surface.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "K12",
  name: "network-administration",
  title: "nf_tables, traffic control and xfrm are in reach",
  severity: "high",
  why:
    "They parse programs and tables that a process with CAP_NET_ADMIN gives them, and every year since 2021 had several mistakes there that lead to root of the host. " +
    "In a network namespace of its own the capability of a user namespace is enough.",
  references: ["CVE-2024-1086", "CVE-2023-32233", "T1068"],
  remedy: {
    text: "Take CAP_NET_ADMIN away, and deny new user namespaces",
    docker: "docker run   # without --cap-add NET_ADMIN, with the default seccomp filter",
    podman: "podman run --cap-drop NET_ADMIN",
    compose: "# remove from cap_add:\n- NET_ADMIN",
    kubernetes: "securityContext:\n  capabilities:\n    drop: [ALL]",
  },
  reads: { files: Object.values(SURFACE_FILES) },
  evaluate: (container, facts) => answerOf(allOf([moduleAccess(facts, ["nf_tables"]), capabilityAccess(container, facts, CAP.NET_ADMIN, "CAP_NET_ADMIN")])),
};
