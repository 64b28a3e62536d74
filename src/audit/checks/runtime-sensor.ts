import type { HostCheck } from "../check.ts";
import { finding, pass, saw } from "../check.ts";

const SENSORS = ["falco", "tetragon", "tracee", "sysdig", "osqueryd", "auditbeat", "wazuh-agentd", "kubearmor", "sensor", "auditd"];

export const check: HostCheck = {
  scope: "host",
  id: "O02",
  name: "runtime-sensor",
  title: "Nothing watches what containers do",
  severity: "info",
  why: "A wall that is broken through at night is found in the morning only if something saw it. No program that is known for watching runs on this host.",
  references: ["T1562"],
  remedy: { text: "Run one that watches system calls or kernel events", host: "apt install auditd" },
  evaluate({ host }) {
    const found = SENSORS.filter((name) => host.programs.includes(name));
    return found.length > 0 ? pass(found.join(", "), saw("/proc/PID/comm", found.join(" "))) : finding("none of the known ones runs", saw("/proc/PID/comm", `${host.programs.length} names`));
  },
};
