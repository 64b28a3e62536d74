/** Counters of a container in the form of runc's types/events.go, which has every struct whether anything is counted in it or not. Pure. */
import type { CgroupStats } from "../../engine/cgroup-stats.ts";

const NOTHING = { limit: 0, failcnt: 0 };

const CPUSET = {
  cpu_exclusive: 0, mem_hardwall: 0, mem_exclusive: 0, memory_migrate: 0, memory_spread_page: 0, memory_spread_slab: 0, memory_pressure: 0,
  sched_load_balance: 0, sched_relax_domain_level: 0,
};

/** The `data` of an event of type stats. */
export function statsDocument({ cpu, cpuset, memory, pids, blkio, hugetlb }: CgroupStats): Record<string, unknown> {
  const { usage, throttling, psi } = cpu;
  return {
    cpu: { usage, throttling, ...(psi === undefined ? {} : { psi }) },
    cpuset: { ...CPUSET, ...cpuset },
    memory: { usage: NOTHING, swap: NOTHING, kernel: NOTHING, kernelTCP: NOTHING, ...memory },
    pids, blkio, hugetlb, intel_rdt: {}, network_interfaces: null,
  };
}
