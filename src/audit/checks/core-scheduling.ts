import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, inapplicable, pass, saw, unknown } from "../check.ts";

const ACTIVE = "/sys/devices/system/cpu/smt/active";
const EINVAL = -22;

export const check: ContainerCheck = {
  scope: "container",
  id: "S06",
  name: "core-scheduling",
  title: "It may share a core with others at the same time",
  severity: "low",
  why: "Two hardware threads of a core share its innermost caches and ports: what runs on one can time what the other does, and some flaws are open between them whatever is mitigated. A core-scheduling cookie keeps others off.",
  references: ["T1082"],
  remedy: {
    text: "Give containers that do not trust each other cookies of their own, or switch SMT off",
    kubernetes: "# containerd: [plugins.\"io.containerd.grpc.v1.cri\"] with runtimes that set sched_core (containerd 1.7, SCHED_CORE=1)",
    host: "echo off > /sys/devices/system/cpu/smt/control   # nosmt on the kernel's command line makes it stay",
  },
  reads: { files: [ACTIVE] },
  evaluate({ container, processes }, { host }) {
    const active = host.files.get(ACTIVE) ?? -2;
    if (typeof active === "number") return unknown("this kernel does not tell whether SMT is on", evidenceOf(ACTIVE, active));
    if (active.trim() !== "1") return inapplicable("SMT is off, or the CPU has none", saw(ACTIVE, active));
    const source = `prctl(PR_SCHED_CORE_GET, ${container.initPid ?? 0})`;
    const cookie = processes.find(({ pid }) => pid === container.initPid)?.coreCookie;
    if (cookie === undefined || (typeof cookie === "number" && cookie !== EINVAL)) return unknown("its cookie could not be read", evidenceOf(source, cookie ?? -3));
    if (typeof cookie === "number") return finding("SMT is on, and this kernel has no core scheduling", evidenceOf(source, cookie));
    return cookie === 0n ? finding("SMT is on, and it has no cookie", saw(source, 0)) : pass("a cookie of its own", saw(source, cookie));
  },
};
