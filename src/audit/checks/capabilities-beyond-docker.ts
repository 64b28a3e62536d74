import { capabilityNames } from "../../kernel/abi/capabilities.ts";
import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";
import { mayHaveHostUsers } from "../host-users.ts";

/** What dockerd and containerd give by default (moby oci/caps/defaults.go): bits of CHOWN ... SETFCAP. */
const DOCKER = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31].reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n);

export const check: ContainerCheck = {
  scope: "container",
  id: "C01",
  name: "capabilities-beyond-docker",
  title: "More capabilities than Docker gives by default",
  severity: "high",
  why: "Each capability beyond the usual fourteen opens a part of the kernel that the other layers were not drawn up for. In a user namespace of its own they reach less, and are said so.",
  references: ["CIS Docker 5.4", "PSS baseline (capabilities)", "T1611"],
  remedy: {
    text: "Drop all, and add what the program was seen to need",
    docker: "docker run --cap-drop ALL --cap-add NAME",
    podman: "podman run --cap-drop ALL --cap-add NAME",
    compose: "cap_drop: [ALL]\ncap_add: [NAME]",
    kubernetes: "securityContext:\n  capabilities:\n    drop: [ALL]\n    add: [NAME]",
  },
  evaluate(container) {
    const shared = mayHaveHostUsers(container.container);
    return eachTask(container, "status", ({ status: { capabilities } }) => {
      const value = `CapEff: ${capabilities.effective.toString(16).padStart(16, "0")}`;
      const more = capabilityNames(capabilities.effective & ~DOCKER);
      if (more.length === 0) return { verdict: "pass", text: "none beyond Docker's", value };
      const names = more.slice(0, 6).join(", ") + (more.length > 6 ? ` and ${more.length - 6} more` : "");
      if (shared) return { verdict: "finding", text: names, value };
      return { verdict: "blocked", by: "user namespace", text: `${names}, over its own user namespace alone`, value };
    });
  },
};
