import { capabilityNames } from "../../kernel/abi/capabilities.ts";
import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";
import { mayHaveHostUsers } from "../host-users.ts";

/** Of Docker's default set, those that most programs never use and that attacks begin with: NET_RAW, MKNOD, SETFCAP, SYS_CHROOT, DAC_OVERRIDE, AUDIT_WRITE. */
const RARE = [13, 27, 31, 18, 1, 29].reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n);

export const check: ContainerCheck = {
  scope: "container",
  id: "C02",
  name: "default-capabilities",
  title: "It kept capabilities of the default set that few programs need",
  severity: "medium",
  why: "NET_RAW forges packets on a shared bridge, MKNOD makes device nodes, SETFCAP and DAC_OVERRIDE turn a writable file into more privileges. Most services need none of them.",
  references: ["PSS restricted (capabilities)"],
  remedy: {
    text: "Drop all, and add what the program was seen to need",
    docker: "docker run --cap-drop ALL",
    podman: "podman run --cap-drop ALL",
    compose: "cap_drop: [ALL]",
    kubernetes: "securityContext:\n  capabilities:\n    drop: [ALL]",
  },
  evaluate(container) {
    const shared = mayHaveHostUsers(container.container);
    return eachTask(container, "status", ({ status: { capabilities } }) => {
      const value = `CapEff: ${capabilities.effective.toString(16).padStart(16, "0")}`;
      const kept = capabilityNames(capabilities.effective & RARE).join(", ");
      if (kept === "") return { verdict: "pass", text: "none of them", value };
      return shared ? { verdict: "finding", text: kept, value } : { verdict: "blocked", by: "user namespace", text: `${kept}, over its own user namespace alone`, value };
    });
  },
};
