import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";
import type { HostCheck } from "../check.ts";

const LABELLING = ["apparmor", "selinux", "smack", "tomoyo"] as const;
const OTHERS = ["yama", "landlock", "lockdown"] as const;

export const check: HostCheck = {
  scope: "host",
  id: "Q08",
  name: "security-modules",
  title: "The kernel runs without a security module that containers use",
  severity: "low",
  why: "AppArmor or SELinux is the layer that still stands when a container's root has become the host's. Yama, Landlock and lockdown each take something more away, and cost nothing.",
  references: ["T1611"],
  remedy: { text: "Add it to the list on the kernel's command line, where the kernel has it", host: "lsm=landlock,lockdown,yama,integrity,apparmor,bpf" },
  evaluate({ host: { kernel: { securityModules } } }) {
    if (typeof securityModules === "number") return unknown("which security modules are active could not be read", evidenceOf("lsm_list_modules()", securityModules));
    const evidence = saw("lsm_list_modules()", securityModules.join(","));
    const labelling = LABELLING.some((name) => securityModules.includes(name));
    const missing = OTHERS.filter((name) => !securityModules.includes(name));
    if (!labelling) return { ...finding(["no AppArmor and no SELinux", ...missing.map((name) => `no ${name}`)].join(", "), evidence), severity: "medium" };
    return missing.length > 0 ? finding(missing.map((name) => `no ${name}`).join(", "), evidence) : pass(securityModules.join(", "), evidence);
  },
};
