import type { ContainerCheck } from "../check.ts";
import { leastLimit, limitFiles } from "../limits.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "G03",
  name: "cpu-unlimited",
  title: "No limit of CPU time",
  severity: "low",
  why: "Shares divide what is wanted at once, so a busy container slows the others, but cannot stop them. A quota or a CPU set bounds it.",
  references: ["CIS Docker 5.12", "T1499"],
  remedy: {
    text: "Give it a quota, or CPUs of its own",
    docker: "docker run --cpus 2",
    podman: "podman run --cpus 2",
    compose: "cpus: 2",
    kubernetes: "resources:\n  limits:\n    cpu: 2",
  },
  evaluate(container) {
    const { value, evidence } = leastLimit(container, { controller: "cpu", v1: "cpu.cfs_quota_us", v2: "cpu.max" });
    if (value === undefined) return { verdict: "unknown", text: "the quota could not be read", evidence };
    if (value !== Number.POSITIVE_INFINITY) return { verdict: "pass", text: "a quota", evidence };
    const cpus = limitFiles(container, { controller: "cpuset", v1: "cpuset.cpus", v2: "cpuset.cpus" });
    // In v1 every cpuset names CPUs, and the top one names all.
    const [own, ...above] = cpus?.files ?? [];
    const set = own?.[1];
    const chosen = typeof set === "string" && set !== "" && set !== (above.at(-1)?.[1] ?? "");
    if (chosen && own !== undefined && above.length > 0) return { verdict: "pass", text: "CPUs of its own", evidence: [{ source: own[0], value: set }] };
    return { verdict: "finding", text: "no quota and no CPUs of its own", evidence };
  },
};
