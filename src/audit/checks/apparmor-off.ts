import { inapplicable, unknown } from "../check.ts";
import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "Q01",
  name: "apparmor-off",
  title: "No AppArmor profile is enforced",
  severity: "medium",
  why:
    "Where the host has AppArmor, engines put containers under a profile that denies mounts, writes below /proc and /sys, and ptrace from outside. Unconfined, or in complain mode, " +
    "nothing of this is denied: one layer less behind a mistake in the others.",
  references: ["CIS Docker 5.2", "PSS baseline (appArmorProfile)", "T1611"],
  remedy: {
    text: "Leave the engine's profile on, and enforce it",
    docker: "docker run   # without --privileged and --security-opt apparmor=unconfined",
    podman: "podman run   # as root; rootless podman cannot load profiles",
    compose: "# remove from security_opt:\n- apparmor:unconfined",
    kubernetes: "securityContext:\n  appArmorProfile:\n    type: RuntimeDefault",
    host: "aa-enforce PROFILE",
  },
  evaluate(container, { host: { kernel: { securityModules } } }) {
    const evidence = { source: "lsm_list_modules()", value: typeof securityModules === "number" ? "" : securityModules.join(",") };
    if (typeof securityModules === "number") return unknown("which security modules are active is not known", evidence);
    if (!securityModules.includes("apparmor")) return inapplicable("AppArmor is not active on this host", evidence);
    return eachTask(container, "attr/current", ({ label }) => {
      if (typeof label === "number" || label === "") return { verdict: "unknown", text: "its label could not be read", value: label };
      if (label === "unconfined") return { verdict: "finding", text: "unconfined", value: label };
      if (label.endsWith(" (complain)")) return { verdict: "finding", text: `${label.slice(0, -11)} only complains`, value: label };
      if (/ \((unconfined|prompt|kill|user|mixed)\)$/.test(label)) {
        return label.endsWith(" (unconfined)") ? { verdict: "finding", text: `${label.slice(0, -13)} denies nothing`, value: label } : { verdict: "pass", text: label, value: label };
      }
      return { verdict: "pass", text: label, value: label };
    });
  },
};
