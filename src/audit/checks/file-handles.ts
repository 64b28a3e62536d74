import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";
import { mayHaveHostUsers } from "../host-users.ts";

const DAC_READ_SEARCH = 1n << 2n;

export const check: ContainerCheck = {
  scope: "container",
  id: "C05",
  name: "file-handles",
  title: "CAP_DAC_READ_SEARCH opens any file of the host by its handle",
  severity: "critical",
  why: "open_by_handle_at(2) takes a file by number from any filesystem that the container has one file of, and asks no directory on the way: /etc/shadow of the host is one guess away (shocker.c).",
  references: ["T1005", "T1611"],
  remedy: {
    text: "Take the capability away",
    docker: "docker run --cap-drop DAC_READ_SEARCH   # it is not in the default set",
    podman: "podman run --cap-drop DAC_READ_SEARCH",
    compose: "cap_drop: [DAC_READ_SEARCH]",
    kubernetes: "securityContext:\n  capabilities:\n    drop: [DAC_READ_SEARCH]",
  },
  evaluate(container) {
    const shared = mayHaveHostUsers(container.container);
    return eachTask(container, "status", ({ status: { capabilities } }) => {
      const value = `CapEff: ${capabilities.effective.toString(16).padStart(16, "0")}`;
      if ((capabilities.effective & DAC_READ_SEARCH) === 0n) return { verdict: "pass", text: "it has none of it", value };
      // The kernel asks for it in the initial user namespace (do_handle_to_path; Linux 6.11 lets a mount's owner, too).
      return shared ? { verdict: "finding", text: "it has it", value } : { verdict: "blocked", by: "user namespace", text: "it has it over its own user namespace alone", value };
    });
  },
};
