import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw } from "../check.ts";

/** Names of threads of the kernel, which no program of a container has by right. */
const KERNEL = /^(kworker\/|ksoftirqd\/|migration\/|kthreadd$|rcu_|kswapd[0-9]|khugepaged$|kcompactd[0-9]|jbd2\/|kdevtmpfs$|oom_reaper$|watchdog)/;

export const check: ContainerCheck = {
  scope: "container",
  id: "O30",
  name: "false-names",
  title: "A process goes by the name of a kernel thread",
  severity: "high",
  why: "Miners and backdoors name themselves kworker so that nobody looks twice. A thread of the kernel has no memory of its own and is in no container.",
  references: ["T1036.004"],
  remedy: { text: "Look at its program in /proc/PID/exe before you stop it; keep a copy", host: "cp /proc/PID/exe /root/evidence" },
  evaluate({ tasks, processes }) {
    const found = tasks.filter(({ pid, thread, status }) => pid === thread && (KERNEL.test(status.name) || status.name.startsWith("[")));
    const titled = processes.filter(({ command }) => /^\[[\w/:.-]+\]$/.test(command[0] ?? ""));
    const [first] = found;
    const [other] = titled;
    if (first !== undefined) return finding(`PID ${first.pid} is ${first.status.name}`, saw(`/proc/${first.pid}/status`, `Name: ${first.status.name}`));
    if (other !== undefined) return finding(`PID ${other.pid} calls itself ${other.command[0] ?? ""}`, saw(`/proc/${other.pid}/cmdline`, other.command[0] ?? ""));
    return pass("none does", saw("/proc/PID/status", `${tasks.length} threads`));
  },
};
