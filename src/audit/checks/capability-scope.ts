import type { TaskFacts } from "../../engine/posture.ts";
import { capabilityNames } from "../../kernel/abi/capabilities.ts";
import type { NamespaceType } from "../../kernel/namespaces.ts";
import type { Answer, Severity } from "../../report/finding.ts";
import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw, unknown } from "../check.ts";
import { taskFile } from "../each-task.ts";
import { mayHaveHostUsers } from "../host-users.ts";

/** What a capability rules depends on the namespace that it meets: bit (capability.h), type of namespace, and what it does to the host's. */
const SCOPES: readonly (readonly [number, NamespaceType, Severity, string])[] = [
  [19, "pid", "critical", "traces processes of the host"],
  [5, "pid", "high", "kills processes of the host"],
  [12, "net", "critical", "reconfigures the host's network"],
  // What is encrypted stays so, and nothing of the host is changed.
  [13, "net", "high", "reads and forges packets of the host"],
  [15, "ipc", "critical", "takes shared memory and queues of the host"],
  [21, "uts", "medium", "renames the host"],
];

export const check: ContainerCheck = {
  scope: "container",
  id: "C07",
  name: "capability-scope",
  title: "A capability meets a namespace of the host",
  severity: "critical",
  why: "NET_ADMIN in a network namespace of its own is harmless; over the host's it rules the host's network. The same is true of SYS_PTRACE and the PID namespace.",
  references: ["PSS baseline (hostNetwork, hostPID, hostIPC)", "T1055"],
  remedy: {
    text: "Give the container the namespace of its own, or take the capability away",
    docker: "docker run --cap-drop NET_ADMIN   # or without --network host, --pid host, --ipc host",
    podman: "podman run --cap-drop NET_ADMIN",
    compose: "# remove: network_mode: host, pid: host, ipc: host",
    kubernetes: "spec:\n  hostNetwork: false\n  hostPID: false\n  hostIPC: false",
  },
  evaluate(container) {
    const { sharedWithHost, initPid } = container.container;
    const shared = mayHaveHostUsers(container.container);
    const held = (bit: number): TaskFacts | undefined =>
      container.tasks.find(({ status: { capabilities } }) => (capabilities.effective & (1n << BigInt(bit))) !== 0n);
    const answers = SCOPES.filter(([, type]) => sharedWithHost.includes(type)).flatMap(([bit, type, severity, text]): Answer[] => {
      const task = held(bit);
      if (task === undefined) return [];
      const evidence = saw(taskFile(task, `ns/${type}`), `${type}:[${task.namespaces[type] ?? "?"}]`);
      const told = `${capabilityNames(1n << BigInt(bit)).join("")}: ${text}`;
      // The kernel asks for it in the user namespace that owns the target.
      if (!shared) return [{ verdict: "blocked" as const, by: "user namespace", text: told, evidence: [evidence], severity }];
      return [{ ...finding(told, evidence), severity }];
    });
    const hidden = SCOPES.filter(([bit, type]) => container.container.unknown.includes(type) && held(bit) !== undefined);
    if (hidden.length > 0) {
      const types = [...new Set(hidden.map(([, type]) => type))].join(", ");
      answers.push(unknown(`the kernel does not tell whether these namespaces are the host's: ${types}`, saw(`/proc/${initPid ?? 0}/ns`, types)));
    }
    if (answers.length > 0) return answers;
    return pass("none does", saw(`/proc/${initPid ?? 0}/ns`, `of the host: ${sharedWithHost.join(", ") || "none"}`));
  },
};
