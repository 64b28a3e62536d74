import type { ContainerCheck } from "../check.ts";
import { maskAnswer } from "../masks.ts";
import { mayHaveHostUsers } from "../host-users.ts";

/** Masked by runc's default and by every engine since Docker 1.11; the Pod Security Standards ask for them (procMount: Default). */
const PATHS = [
  "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats", "/proc/scsi", "/proc/acpi", "/proc/asound", "/proc/timer_stats",
  "/sys/firmware",
];

export const check: ContainerCheck = {
  scope: "container",
  id: "L06",
  name: "masked-paths",
  title: "Paths of /proc and /sys that tell of the host are open",
  severity: "high",
  why: "kcore is the kernel's memory, keys and timer_list tell of other containers' secrets and processes, the rest of hardware and load. Only root of the host may read some of them; in a container without user namespace that is its root.",
  references: ["PSS baseline (procMount)", "T1082"],
  remedy: {
    text: "Leave the engine's masks on",
    docker: "docker run   # without --privileged and --security-opt systempaths=unconfined",
    podman: "podman run   # without --privileged and --security-opt unmask=ALL",
    compose: "# remove: privileged: true, security_opt: systempaths=unconfined",
    kubernetes: "securityContext:\n  procMount: Default",
  },
  reads: { inside: PATHS },
  evaluate(container) {
    const answer = maskAnswer(container, PATHS);
    // The kernel asks for privileges over the initial user namespace before it shows the worst of them.
    return answer.verdict === "finding" && !mayHaveHostUsers(container.container) ? { ...answer, severity: "low" } : answer;
  },
};
