import { sysctlCheck } from "../sysctl-check.ts";

export const check = sysctlCheck({
  id: "L10",
  name: "kernel-log",
  sysctl: "kernel/dmesg_restrict",
  title: "Every user may read the kernel's log",
  severity: "medium",
  why: "The log is one for all containers: it holds addresses, names of others' processes and devices, and what just crashed, which helps an exploit to try again.",
  references: ["T1082"],
  good: (value) => value === 1,
  found: (value) => `dmesg_restrict is ${value}`,
  remedy: { text: "Keep it for CAP_SYSLOG", host: "sysctl -w kernel.dmesg_restrict=1   # and in /etc/sysctl.d" },
});
