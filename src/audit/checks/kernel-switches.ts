import type { ContainerCheck } from "../check.ts";
import { judgeWritable, writableReads } from "../obstacles.ts";

const SWITCHES = ["/sysrq-trigger", "/sys/vm/panic_on_oom", "/sys/kernel/panic", "/sys/fs/suid_dumpable"];

export const check: ContainerCheck = {
  scope: "container",
  id: "P11",
  name: "kernel-switches",
  title: "The host can be stopped or weakened by a write",
  severity: "high",
  why:
    "sysrq-trigger reboots or crashes the host, panic_on_oom makes a panic of a container's own out-of-memory, and suid_dumpable lets memory of privileged programs be dumped. " +
    "None of these is per container.",
  references: ["PSS baseline (procMount)", "T1499"],
  remedy: {
    text: "Keep /proc/sys and /proc/sysrq-trigger read-only, as engines do",
    docker: "docker run   # without --privileged and --security-opt systempaths=unconfined",
    podman: "podman run   # without --privileged and --security-opt unmask=ALL",
    kubernetes: "securityContext:\n  privileged: false\n  procMount: Default",
    host: "sysctl -w kernel.sysrq=0",
  },
  reads: writableReads({ proc: SWITCHES }),
  evaluate: (container, facts) => judgeWritable(container, facts, "proc", SWITCHES),
};
