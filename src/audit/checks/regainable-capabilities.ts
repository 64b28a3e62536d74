import { capabilityNames } from "../../kernel/abi/capabilities.ts";
import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "C03",
  name: "regainable-capabilities",
  title: "Capabilities that were given up can be had again",
  severity: "medium",
  why: "A process without effective capabilities whose bounding set is full gets them back by a set-uid or capability-bearing file, as long as no_new_privs is off.",
  references: ["PSS restricted (capabilities)"],
  remedy: {
    text: "Drop from the bounding set too, or switch new privileges off",
    docker: "docker run --cap-drop ALL --security-opt no-new-privileges",
    podman: "podman run --cap-drop ALL --security-opt no-new-privileges",
    compose: "cap_drop: [ALL]\nsecurity_opt: [no-new-privileges:true]",
    kubernetes: "securityContext:\n  allowPrivilegeEscalation: false\n  capabilities:\n    drop: [ALL]",
  },
  evaluate: (container) =>
    eachTask(container, "status", ({ status: { capabilities, noNewPrivileges } }) => {
      const { bounding, effective, permitted } = capabilities;
      const value = `CapBnd: ${bounding.toString(16).padStart(16, "0")}; CapPrm: ${permitted.toString(16).padStart(16, "0")}; NoNewPrivs: ${noNewPrivileges === undefined ? "?" : Number(noNewPrivileges)}`;
      const names = capabilityNames(bounding & ~permitted & ~effective);
      if (names.length === 0) return { verdict: "pass", text: "none beyond what it has", value };
      const text = names.slice(0, 4).join(", ") + (names.length > 4 ? ` and ${names.length - 4} more` : "");
      if (noNewPrivileges === true) return { verdict: "blocked", by: "no_new_privs", text, value };
      return noNewPrivileges === undefined ? { verdict: "unknown", text: "this kernel does not tell of no_new_privs", value } : { verdict: "finding", text, value };
    }),
};
