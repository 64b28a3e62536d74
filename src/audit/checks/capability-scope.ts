import { capabilityNames } from "../../kernel/abi/capabilities.ts";
import type { NamespaceType } from "../../kernel/namespaces.ts";
import type { Answer } from "../../report/finding.ts";
import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw, unknown } from "../check.ts";
import { taskFile } from "../each-task.ts";

/** What a capability rules depends on the namespace that it meets: by type of namespace, and what it does to the host's. */
const SCOPES: readonly { readonly type: NamespaceType; readonly bits: bigint; readonly text: string }[] = [
  { type: "pid", bits: (1n << 19n) | (1n << 5n), text: "traces or kills processes of the host" },
  { type: "net", bits: (1n << 12n) | (1n << 13n), text: "reconfigures the host's network, or reads what passes" },
  { type: "ipc", bits: 1n << 15n, text: "takes shared memory and queues of the host" },
  { type: "uts", bits: 1n << 21n, text: "renames the host" },
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
    const shared = sharedWithHost.includes("user");
    const answers = SCOPES.filter(({ type }) => sharedWithHost.includes(type)).flatMap(({ type, bits, text }): Answer[] => {
      const task = container.tasks.find(({ status: { capabilities } }) => (capabilities.effective & bits) !== 0n);
      if (task === undefined) return [];
      const names = capabilityNames(task.status.capabilities.effective & bits).join(", ");
      const evidence = saw(taskFile(task, `ns/${type}`), `${type}:[${task.namespaces[type] ?? "?"}]`);
      // KILL alone reaches what its user could reach; the kernel asks for it in the target's user namespace.
      const severity = type === "uts" ? ("medium" as const) : names === "CAP_KILL" ? ("high" as const) : ("critical" as const);
      if (!shared) return [{ verdict: "blocked" as const, by: "user namespace", text: `${names}: ${text}`, evidence: [evidence], severity }];
      return [{ ...finding(`${names}: ${text}`, evidence), severity }];
    });
    const hidden = SCOPES.filter(({ type, bits }) => {
      return container.container.unknown.includes(type) && container.tasks.some(({ status: { capabilities } }) => (capabilities.effective & bits) !== 0n);
    });
    if (hidden.length > 0) {
      const types = hidden.map(({ type }) => type).join(", ");
      answers.push(unknown(`the kernel does not tell whether these namespaces are the host's: ${types}`, saw(`/proc/${initPid ?? 0}/ns`, types)));
    }
    if (answers.length > 0) return answers;
    return pass("none does", saw(`/proc/${initPid ?? 0}/ns`, `of the host: ${sharedWithHost.join(", ") || "none"}`));
  },
};
