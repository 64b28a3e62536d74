/** Which system calls this kernel has and lets this process make. Pure: judges facts. */
import { E, callEvidence, callVerdict, fileEvidence, isFiltered, releaseEvidence, textOf } from "./feature-facts.ts";
import type { Feature, FeatureFacts, FeatureNeed, ProbeCall, Verdict } from "./feature-facts.ts";
import { isAtLeast } from "./release.ts";
import type { KernelVersion } from "./release.ts";

interface CallRow {
  readonly name: string;
  readonly title: string;
  readonly need: FeatureNeed;
  readonly why: string;
  readonly call: ProbeCall;
  readonly since: KernelVersion;
  /** Errnos that only a kernel with the feature gives to the harmless form of the call. */
  readonly expected: readonly number[];
  /** Errnos that only a kernel without it gives. */
  readonly absent?: readonly number[];
}

const E2BIG = -7;
const ENOTTY = -25;

const ROWS: readonly CallRow[] = [
  { name: "openat2", title: "openat2: path lookup that cannot leave a root", need: "main", why: "resolves every path of a rootfs", call: "openat2", since: [5, 6], expected: [] },
  { name: "new-mount-api", title: "fsopen, fsmount, move_mount", need: "main", why: "makes mounts detached", call: "fsconfig", since: [5, 2], expected: [E.INVAL] },
  { name: "open-tree", title: "open_tree: detached copies of mounts", need: "main", why: "binds by descriptor", call: "open_tree", since: [5, 2], expected: [E.INVAL] },
  { name: "mount-setattr", title: "mount_setattr: attributes of whole mount trees", need: "main", why: "read-only, nosuid and id maps before a mount is seen", call: "mount_setattr", since: [5, 12], expected: [E.INVAL] },
  { name: "close-range", title: "close_range", need: "main", why: "no descriptor of the host reaches the container", call: "close_range", since: [5, 9], expected: [E.INVAL] },
  { name: "clone3", title: "clone3", need: "main", why: "makes the container's first process in all its namespaces at once", call: "clone3", since: [5, 3], expected: [E.INVAL] },
  { name: "clone-into-cgroup", title: "CLONE_INTO_CGROUP", need: "layer", why: "a process is under its limits from its first instruction (cgroup v2)", call: "clone3-into-cgroup", since: [5, 7], expected: [E.INVAL], absent: [E2BIG] },
  { name: "pidfd", title: "pidfd_open", need: "main", why: "signals and waits cannot hit a reused PID", call: "pidfd_open", since: [5, 3], expected: [] },
  {
    name: "pidfd-info", title: "PIDFD_GET_INFO", need: "information", why: "reads exit status and cgroup by descriptor",
    call: "pidfd-get-info", since: [6, 13], expected: [], absent: [ENOTTY, E.INVAL],
  },
  { name: "seccomp", title: "seccomp filters", need: "main", why: "limits the system calls of a container", call: "seccomp-filter", since: [3, 17], expected: [E.FAULT], absent: [E.INVAL] },
  { name: "seccomp-notify", title: "seccomp user notification", need: "information", why: "lets a supervisor decide single calls", call: "seccomp-notify", since: [5, 0], expected: [], absent: [E.INVAL] },
  {
    name: "seccomp-wait-killable", title: "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", need: "information", why: "a notified call is not interrupted half-way",
    call: "seccomp-wait-killable", since: [5, 19], expected: [E.FAULT], absent: [E.INVAL],
  },
  { name: "memfd-seal", title: "sealed anonymous files", need: "main", why: "the launcher cannot be changed by what it starts (CVE-2019-5736)", call: "memfd-seal", since: [3, 17], expected: [] },
  { name: "memfd-seal-exec", title: "F_SEAL_EXEC", need: "information", why: "the launcher's mode is sealed too", call: "memfd-seal-exec", since: [6, 3], expected: [], absent: [E.INVAL] },
];

function rowVerdict(facts: FeatureFacts, row: CallRow): Verdict {
  if (row.absent?.includes(facts.calls[row.call]) !== true) return callVerdict(facts, row.call, row.since, row.expected);
  const evidence = [callEvidence(facts, row.call), releaseEvidence(facts)];
  if (!isAtLeast(facts.release, row.since)) return { answer: "no", reason: `it came with Linux ${row.since.join(".")}`, evidence };
  return { answer: "no", reason: "this kernel is new enough but was built without it", evidence };
}

// vm.memfd_noexec=2 refuses every executable anonymous file in this PID namespace and its descendants (6.3, Documentation/admin-guide/sysctl/vm.rst).
function memfdExec(facts: FeatureFacts): Verdict {
  const evidence = [callEvidence(facts, "memfd"), fileEvidence(facts, "/proc/sys/vm/memfd_noexec")];
  if (facts.calls.memfd >= 0) return { answer: "yes", evidence };
  if (textOf(facts, "/proc/sys/vm/memfd_noexec") === "2") {
    return { answer: "no", reason: "vm.memfd_noexec=2 refuses executable anonymous files", evidence, remedy: "sysctl -w vm.memfd_noexec=1" };
  }
  return callVerdict(facts, "memfd", [3, 17], []);
}

/** Calls that container engines' seccomp profiles refuse; asked with arguments that the kernel itself would refuse otherwise. */
const CONTAINER_CALLS: readonly (readonly [ProbeCall, number])[] = [["mount", E.FAULT], ["umount2", E.INVAL], ["unshare", 0], ["setns", E.BADF]];

function containerCalls(facts: FeatureFacts): Verdict {
  const refused = CONTAINER_CALLS.filter(([call, expected]) => facts.calls[call] !== expected);
  const evidence = CONTAINER_CALLS.map(([call]) => callEvidence(facts, call));
  if (refused.length === 0) return { answer: "yes", evidence };
  const names = refused.map(([call]) => call).join(", ");
  const remedy = "Run pidbox outside this container, or give the container a seccomp profile that allows these calls";
  if (isFiltered(facts)) return { answer: "no", reason: `the seccomp filter on this process refuses ${names}`, evidence, remedy };
  return { answer: "unknown", reason: `${names} gave an unexpected result`, evidence };
}

/** The system call group. */
export function syscallFeatures(facts: FeatureFacts): Feature[] {
  return [
    ...ROWS.map((row): Feature => ({
      name: row.name, title: row.title, minimumKernel: row.since.join("."), need: row.need, why: row.why, ...rowVerdict(facts, row),
    })),
    { name: "memfd-exec", title: "executable anonymous files", minimumKernel: "3.17", need: "main", why: "the launcher runs from memory, not from a path", ...memfdExec(facts) },
    { name: "container-calls", title: "mount, umount, unshare and setns reach the kernel", need: "main", why: "containers are made of them", ...containerCalls(facts) },
  ];
}
