import { sysctlCheck } from "../sysctl-check.ts";

export const check = sysctlCheck({
  id: "L09",
  name: "kernel-addresses",
  sysctl: "kernel/kptr_restrict",
  title: "The kernel shows its addresses",
  severity: "medium",
  why: "An exploit needs to know where things are: with kptr_restrict 0 /proc and the log tell it to whoever has CAP_SYSLOG, and partly to everybody.",
  references: ["T1082"],
  good: (value) => value >= 1,
  found: (value) => `kptr_restrict is ${value}`,
  remedy: { text: "Hide them from all but privileged programs", host: "sysctl -w kernel.kptr_restrict=1   # and in /etc/sysctl.d" },
});
