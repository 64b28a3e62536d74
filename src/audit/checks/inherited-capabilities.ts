import { capabilityNames } from "../../kernel/abi/capabilities.ts";
import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "C04",
  name: "inherited-capabilities",
  title: "Capabilities are handed on to every program",
  severity: "medium",
  why: "Ambient capabilities outlive exec for any user; inheritable ones meet files that ask for them (CVE-2022-24769, CVE-2022-29162: engines that filled the set by mistake).",
  references: ["CVE-2022-24769", "CVE-2022-29162"],
  remedy: { text: "Update the engine; give capabilities to the program's file instead", docker: "apt install --only-upgrade docker.io containerd runc", podman: "apt install --only-upgrade podman crun" },
  evaluate: (container) =>
    eachTask(container, "status", ({ status: { capabilities: { inheritable, ambient } } }) => {
      const value = `CapInh: ${inheritable.toString(16).padStart(16, "0")}; CapAmb: ${ambient.toString(16).padStart(16, "0")}`;
      const list = (mask: bigint): string => capabilityNames(mask).slice(0, 4).join(", ");
      if (ambient !== 0n) return { verdict: "finding", text: `ambient: ${list(ambient)}`, value };
      return inheritable === 0n ? { verdict: "pass", text: "both sets are empty", value } : { verdict: "finding", severity: "low", text: `inheritable: ${list(inheritable)}`, value };
    }),
};
