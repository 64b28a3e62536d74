import { bytesText } from "../../base/text.ts";
import type { ContainerCheck } from "../check.ts";
import { leastLimit } from "../limits.ts";

const MEMORY = /^MemTotal:\s+([0-9]{1,15}) kB$/m;

export const check: ContainerCheck = {
  scope: "container",
  id: "G02",
  name: "memory-unlimited",
  title: "No limit of memory",
  severity: "high",
  why: "A container that takes all memory makes the kernel kill processes of others, and the host slow before that. The least limit of the cgroup and all above it counts.",
  references: ["CIS Docker 5.11", "T1499"],
  remedy: {
    text: "Give it a limit, and swap no more than that",
    docker: "docker run --memory 512m --memory-swap 512m",
    podman: "podman run --memory 512m --memory-swap 512m",
    compose: "mem_limit: 512m\nmemswap_limit: 512m",
    kubernetes: "resources:\n  limits:\n    memory: 512Mi",
  },
  reads: { files: ["/proc/meminfo"] },
  evaluate(container, { host }) {
    const { value, evidence } = leastLimit(container, { controller: "memory", v1: "memory.limit_in_bytes", v2: "memory.max" });
    if (value === undefined) return { verdict: "unknown", text: "the limit could not be read", evidence };
    if (value === Number.POSITIVE_INFINITY) return { verdict: "finding", text: "none in its cgroup and in those above it", evidence };
    const info = host.files.get("/proc/meminfo");
    const total = typeof info === "string" ? Number(MEMORY.exec(info)?.[1] ?? Number.NaN) * 1024 : Number.NaN;
    if (value >= total) return { verdict: "finding", severity: "medium", text: `${bytesText(value)} is as much as the host has`, evidence };
    return { verdict: "pass", text: `at most ${bytesText(value)}`, evidence };
  },
};
