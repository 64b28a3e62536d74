import { evidenceOf, finding, pass, unknown } from "../check.ts";
import type { HostCheck } from "../check.ts";

const SCOPE = "/proc/sys/kernel/yama/ptrace_scope";
const ENOENT = -2;

export const check: HostCheck = {
  scope: "host",
  id: "K17",
  name: "ptrace-scope",
  title: "Programs of one user may take each other over",
  severity: "low",
  why:
    "Without Yama a process may attach to every other one of the same user, also to those of other containers with the same uid that it can see, and read keys out of their memory. " +
    "Debuggers start what they debug, so nothing is lost by restricting it.",
  references: ["T1055.008"],
  remedy: { text: "Let programs trace only what they started", host: "sysctl -w kernel.yama.ptrace_scope=1" },
  reads: { files: [SCOPE] },
  evaluate({ host: { files, kernel } }) {
    const value = files.get(SCOPE);
    const evidence = evidenceOf(SCOPE, value ?? "not read");
    if (value === "0") return finding("kernel.yama.ptrace_scope is 0", evidence);
    if (typeof value === "string" && /^[123]$/.test(value)) return pass(`kernel.yama.ptrace_scope is ${value}`, evidence);
    if (value !== ENOENT) return unknown("kernel.yama.ptrace_scope could not be read", evidence);
    const modules = kernel.securityModules;
    if (typeof modules === "object" && !modules.includes("yama")) return finding("Yama is not active", evidence, { source: "lsm_list_modules()", value: modules.join(",") });
    return unknown("whether Yama is active is not known", evidence);
  },
};
