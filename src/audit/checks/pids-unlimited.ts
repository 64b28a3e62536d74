import type { ContainerCheck } from "../check.ts";
import { leastLimit } from "../limits.ts";

/** More than this is no limit: the whole host has 32768 PIDs on small machines (kernel/pid.c). */
const MANY = 32_768;

export const check: ContainerCheck = {
  scope: "container",
  id: "G01",
  name: "pids-unlimited",
  title: "No limit of processes",
  severity: "high",
  why: "A fork bomb in the container takes every PID of the host, and nothing on it can start a process any more. The least limit of the cgroup and all above it counts.",
  references: ["CIS Docker 5.29", "T1499"],
  remedy: {
    text: "Give it a limit that the program does not reach",
    docker: "docker run --pids-limit 512",
    podman: "podman run --pids-limit 512",
    compose: "pids_limit: 512",
    kubernetes: "# of the kubelet: podPidsLimit: 512",
  },
  evaluate(container) {
    const { value, evidence } = leastLimit(container, { controller: "pids", v1: "pids.max", v2: "pids.max" });
    if (value === undefined) return { verdict: "unknown", text: "the limit could not be read", evidence };
    if (value === Number.POSITIVE_INFINITY) return { verdict: "finding", text: "none in its cgroup and in those above it", evidence };
    return value > MANY ? { verdict: "finding", severity: "medium", text: `${value} are as good as none`, evidence } : { verdict: "pass", text: `at most ${value}`, evidence };
  },
};
