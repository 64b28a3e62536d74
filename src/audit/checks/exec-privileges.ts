import { capabilityNames } from "../../kernel/abi/capabilities.ts";
import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "V02",
  name: "exec-privileges",
  title: "A process has more privileges than the container's first",
  severity: "high",
  why: "An exec --privileged, or an nsenter without filter and label, puts a stronger process inside the same namespaces: what runs in the container can trace or trick it (CVE-2026-30892 and others).",
  references: ["CIS Docker 5.23", "T1609"],
  remedy: {
    text: "Exec without more privileges than the container has",
    docker: "docker exec NAME COMMAND   # without --privileged",
    podman: "podman exec NAME COMMAND   # without --privileged",
    kubernetes: "kubectl exec POD -- COMMAND   # kubectl debug with profile=restricted",
  },
  evaluate(container) {
    const { first } = container;
    return eachTask(container, "status", (task) => {
      const { capabilities, seccomp, noNewPrivileges } = task.status;
      const value = `CapBnd: ${capabilities.bounding.toString(16).padStart(16, "0")}; Seccomp: ${seccomp ?? "?"}; NoNewPrivs: ${noNewPrivileges === undefined ? "?" : Number(noNewPrivileges)}`;
      if (first === undefined || task === first) return { verdict: "pass", text: "none has more than the first", value };
      const base = first.status;
      // What it has, and what it can get: an init that lowered only its effective set gave nothing up.
      const most = base.capabilities.bounding | base.capabilities.permitted | base.capabilities.effective;
      const more = capabilityNames((capabilities.effective | capabilities.permitted) & ~most);
      const found = [
        ...(more.length > 0 ? [`${more.slice(0, 4).join(", ")}${more.length > 4 ? ` and ${more.length - 4} more` : ""}`] : []),
        ...(base.seccomp === 2 && seccomp === 0 ? ["no seccomp filter"] : []),
        ...(typeof task.label === "string" && typeof first.label === "string" && isOpen(task.label) && !isOpen(first.label) ? [`label ${task.label}`] : []),
      ];
      return found.length > 0 ? { verdict: "finding", text: found.join("; "), value } : { verdict: "pass", text: "none has more than the first", value };
    });
  },
};

function isOpen(label: string): boolean {
  return label === "" || label === "unconfined" || label.endsWith("(complain)") || /(^|:)(unconfined|spc)_t(:|$)/.test(label);
}
