import type { ContainerCheck } from "../check.ts";
import { judgeWritable, OBSTACLE_READS } from "../obstacles.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "P13",
  name: "sysfs-writable",
  title: "/sys is mounted writable",
  severity: "high",
  why:
    "Through /sys root binds drivers, sets devices and their firmware, changes how memory and processors work, and names a helper for new devices. Hardly any of it is per container, " +
    "so engines mount it read-only.",
  references: ["PSS baseline (privileged)", "T1611"],
  remedy: {
    text: "Leave /sys read-only, as engines do",
    docker: "docker run   # without --privileged and -v /sys:/sys",
    podman: "podman run   # without --privileged and -v /sys:/sys",
    compose: "# remove from the service:\nprivileged: true",
    kubernetes: "securityContext:\n  privileged: false",
  },
  reads: OBSTACLE_READS,
  evaluate: (container, facts) => judgeWritable(container, facts, "sysfs", ["/class", "/kernel", "/devices", "/module"]),
};
