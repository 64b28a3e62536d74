import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "V03",
  name: "new-privileges",
  title: "A set-uid program gains privileges",
  severity: "medium",
  why: "Without no_new_privs a process of another user becomes root of the container by su, sudo, mount or any set-uid file that somebody puts there.",
  references: ["CIS Docker 5.26", "PSS restricted (allowPrivilegeEscalation)"],
  remedy: {
    text: "Switch it on for every process of the container",
    docker: "docker run --security-opt no-new-privileges   # or \"no-new-privileges\": true in /etc/docker/daemon.json",
    podman: "podman run --security-opt no-new-privileges",
    compose: "security_opt:\n  - no-new-privileges:true",
    kubernetes: "securityContext:\n  allowPrivilegeEscalation: false",
  },
  evaluate: (container) =>
    eachTask(container, "status", ({ status: { noNewPrivileges, capabilities } }) => {
      if (noNewPrivileges === undefined) return { verdict: "unknown", text: "this kernel does not tell", value: "" };
      const value = `NoNewPrivs: ${Number(noNewPrivileges)}`;
      if (noNewPrivileges) return { verdict: "pass", text: "on", value };
      // Nothing is left that a set-uid file could give.
      if (capabilities.bounding === 0n) return { verdict: "blocked", by: "empty bounding set", text: "off", value };
      return { verdict: "finding", text: "no_new_privs is off", value };
    }),
};
