/** What the descriptors of a container give power over. Pure. */
import type { DescriptorFacts, TaskFacts } from "../engine/posture.ts";
import type { Severity } from "../report/finding.ts";
import { hazardOf, type parseMisc } from "./device-hazards.ts";
import type { AuditFacts, ContainerFacts } from "./facts.ts";

export interface DescriptorHazard {
  readonly severity: Severity;
  /** One word or two, by which descriptors are put together. */
  readonly kind: string;
  readonly text: string;
}

type MiscNames = ReturnType<typeof parseMisc>;
const STDERR = 2;
const NAMESPACE = /^(mnt|net|pid|pid_for_children|user|uts|ipc|cgroup|time|time_for_children):\[([0-9]{1,15})\]$/;

/** Objects without a file, by the name that the kernel gives them. What any program may make for itself (epoll, timers, io_uring) is not here. */
const ANONYMOUS: readonly (readonly [name: RegExp, severity: Severity, kind: string])[] = [
  [/^anon_inode:kvm-/, "high", "virtual machine"], [/^anon_inode:\[?vfio/, "high", "passed-through device"],
  [/^anon_inode:bpf/, "medium", "BPF object"],
  [/^anon_inode:\[perf_event\]/, "medium", "performance counter"], [/^anon_inode:\[fanotify\]/, "medium", "fanotify group"],
  [/^anon_inode:\[userfaultfd\]/, "low", "userfaultfd"],
  [/^anon_inode:seccomp notify/, "low", "seccomp listener"],
];

function namespaceHazard(link: string, container: ContainerFacts, { host }: AuditFacts): DescriptorHazard | undefined {
  const [, name = "", word] = NAMESPACE.exec(link) ?? [];
  if (word === undefined) return undefined;
  const type = name.replace("_for_children", "") as keyof typeof host.namespaces;
  const inode = Number(word);
  if (container.tasks.some(({ namespaces }) => namespaces[type] === inode)) return undefined;
  if (host.namespaces[type] === inode) return { severity: "critical", kind: "host namespace", text: `the host's ${type} namespace` };
  return { severity: "medium", kind: "foreign namespace", text: `a ${type} namespace that is not its own` };
}

/** A process that the descriptor may signal, and by pidfd_getfd(2) take descriptors from. */
function pidfdHazard(key: string, container: ContainerFacts): DescriptorHazard | undefined {
  const target = container.handles.pidfds.get(key);
  return target === undefined ? undefined : { severity: "high", kind: "foreign process", text: `process ${target}, which is not its own` };
}

function socketHazard({ number, link }: DescriptorFacts, container: ContainerFacts): DescriptorHazard | undefined {
  const inode = /^socket:\[([0-9]{1,15})\]$/.exec(link)?.[1];
  const text = inode === undefined ? undefined : container.handles.hostSockets.get(Number(inode));
  if (text === undefined || number <= STDERR) return undefined;
  const engine = /\/(docker|containerd|crio|podman|buildkitd)\.sock/.test(text);
  return { severity: engine ? "critical" : "medium", kind: "host socket", text: `a socket of the host's network namespace (${text})` };
}

function deviceHazard({ number, link, object }: DescriptorFacts, misc: MiscNames): DescriptorHazard | undefined {
  if (typeof object === "number" || !link.startsWith("/")) return undefined;
  const kind = object.mode & 0o170000;
  const type = kind === 0o060000 ? "b" : kind === 0o020000 ? "c" : undefined;
  const hazard = type === undefined ? undefined : hazardOf({ type, ...object.rdev }, misc);
  if (hazard === undefined || (number <= STDERR && type === "c")) return undefined;
  return { severity: hazard.severity, kind: "device", text: `${link} (${hazard.what})` };
}

/** The hazard of one descriptor of a thread, if it has any. `misc` are the names of misc devices by minor. */
export function descriptorHazard(
  task: TaskFacts, one: DescriptorFacts, container: ContainerFacts, facts: AuditFacts, misc: MiscNames,
): DescriptorHazard | undefined {
  const known = ANONYMOUS.find(([name]) => name.test(one.link));
  if (known !== undefined) return { severity: known[1], kind: known[2], text: one.link };
  if (one.link === "anon_inode:[pidfd]") return pidfdHazard(`${task.pid}/${task.thread}/${one.number}`, container);
  return namespaceHazard(one.link, container, facts) ?? socketHazard(one, container) ?? deviceHazard(one, misc);
}
