/** Which parts of the kernel are in reach of a container: sysctls, modules, capabilities and the seccomp filter together. Pure. */
import type { ProcessStatus } from "../kernel/process-status.ts";
import type { Answer, Evidence, Remedy } from "../report/finding.ts";
import { evidenceOf, finding, pass, unknown } from "./check.ts";
import type { AuditFacts, ContainerFacts } from "./facts.ts";
import { isReachable } from "./module-state.ts";
import { callOf, type Fate, fateOf, filterEvidence, unknownFilter, worstFate } from "./syscall-filter.ts";
import { mayHaveHostUsers } from "./host-users.ts";

/** Whether something is in reach. `by` says what stops it, as a name; without it there is nothing to reach. Open undefined is unknown. */
export interface Access {
  readonly open: boolean | undefined;
  readonly by?: string;
  readonly text: string;
  readonly evidence: readonly Evidence[];
}

/** What a check says whose title is that something is in reach. */
export function answerOf({ open, text, evidence }: Access): Answer {
  if (open === undefined) return unknown(text, ...evidence);
  return open ? finding(text, ...evidence) : pass(text, ...evidence);
}

/** What to do about a call that the default filters of engines deny. */
export const DEFAULT_FILTER: Remedy = {
  text: "Leave the engine's default filter on, of a version that denies it",
  docker: "docker run   # without --privileged and --security-opt seccomp=unconfined",
  podman: "podman run   # without --privileged and --security-opt seccomp=unconfined",
  compose: "# remove from security_opt:\n- seccomp:unconfined",
  kubernetes: "securityContext:\n  seccompProfile:\n    type: RuntimeDefault",
};

export const SURFACE_FILES = {
  maxUserNamespaces: "/proc/sys/user/max_user_namespaces", cloneUserNamespaces: "/proc/sys/kernel/unprivileged_userns_clone",
  ioUringGroup: "/proc/sys/kernel/io_uring_group", restrictUserNamespaces: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", ioUring: "/proc/sys/kernel/io_uring_disabled",
  bpf: "/proc/sys/kernel/unprivileged_bpf_disabled", perf: "/proc/sys/kernel/perf_event_paranoid", faults: "/proc/sys/vm/unprivileged_userfaultfd",
  ipv6: "/proc/sys/net/ipv6/conf/all/disable_ipv6", ptrace: "/proc/sys/kernel/yama/ptrace_scope",
} as const;

export const CAP = { NET_ADMIN: 12, NET_RAW: 13, SYS_MODULE: 16, SYS_PTRACE: 19, SYS_ADMIN: 21, PERFMON: 38, BPF: 39 } as const;
const CLONE_NEWUSER = 0x1000_0000n;
const ENOENT = -2;
const FAMILY = { INET: 2n, INET6: 10n, ALG: 38n, VSOCK: 40n } as const;

const bit = (number: number): bigint => 1n << BigInt(number);

/** The first thread that has one of the capabilities in its own user namespace. */
export function holderOf({ tasks }: ContainerFacts, capabilities: readonly number[]): { readonly pid: number; readonly evidence: Evidence } | undefined {
  const mask = capabilities.reduce((all, one) => all | bit(one), 0n);
  const task = tasks.find(({ status }) => (status.capabilities.effective & mask) !== 0n);
  if (task === undefined) return undefined;
  const value = `CapEff: ${task.status.capabilities.effective.toString(16).padStart(16, "0")}`;
  return { pid: task.pid, evidence: { source: `/proc/${task.pid}/status`, value } };
}

/** The same where the kernel asks for it in the initial user namespace; a namespace that is not known counts as the initial one. */
function hostHolderOf(container: ContainerFacts, capabilities: readonly number[]): ReturnType<typeof holderOf> {
  return mayHaveHostUsers(container.container) ? holderOf(container, capabilities) : undefined;
}

function numberIn(value: string | number | undefined): number | undefined {
  return typeof value === "string" && /^-?[0-9]{1,10}$/.test(value) ? Number(value) : undefined;
}

/** Whether the kernel was built without something; a configuration that cannot be read says nothing. */
function isWithout({ host: { kernel } }: AuditFacts, option: string, text: string): Access | undefined {
  if (typeof kernel.config === "number" || kernel.config.get(option) === "y") return undefined;
  return { open: false, text, evidence: [{ source: option, value: "n" }] };
}

function sysctl({ host }: AuditFacts, path: string): { readonly value: number | undefined; readonly absent: boolean; readonly evidence: Evidence } {
  const value = host.files.get(path);
  return { value: numberIn(value), absent: value === ENOENT, evidence: evidenceOf(path, value ?? "not read") };
}

/** What a call's fate means for what is behind it. */
export function byFate(container: ContainerFacts, fate: Fate, text: string, evidence: readonly Evidence[] = []): Access {
  const all = [...evidence, filterEvidence(container)];
  if (fate === "runs") return { open: true, text, evidence: all };
  if (fate === "refused") return { open: false, by: "seccomp", text: "the seccomp filter refuses it", evidence: all };
  return { open: undefined, text: fate === "asked" ? "a supervisor of its seccomp filter decides" : unknownFilter(container), evidence: all };
}

/** Several checks ask of the same container. */
const namespaces = new WeakMap<ContainerFacts, { readonly facts: AuditFacts; readonly access: Access }>();

/** New user namespaces: with one come all capabilities over what is made in it. */
export function userNamespaces(container: ContainerFacts, facts: AuditFacts): Access {
  const before = namespaces.get(container);
  if (before?.facts === facts) return before.access;
  const access = newUserNamespaces(container, facts);
  namespaces.set(container, { facts, access });
  return access;
}

function newUserNamespaces(container: ContainerFacts, facts: AuditFacts): Access {
  const { machine } = facts.host.kernel;
  const most = sysctl(facts, SURFACE_FILES.maxUserNamespaces);
  const clone = sysctl(facts, SURFACE_FILES.cloneUserNamespaces);
  const restrict = sysctl(facts, SURFACE_FILES.restrictUserNamespaces);
  const without = isWithout(facts, "CONFIG_USER_NS", "this kernel has no user namespaces");
  if (without !== undefined) return without;
  if (most.value === 0) return { open: false, by: "user.max_user_namespaces", text: "user.max_user_namespaces is 0", evidence: [most.evidence] };
  const admin = hostHolderOf(container, [CAP.SYS_ADMIN]);
  if (clone.value === 0 && admin === undefined) return { open: false, by: "kernel.unprivileged_userns_clone", text: "kernel.unprivileged_userns_clone is 0", evidence: [clone.evidence] };
  const flags = [CLONE_NEWUSER];
  const fate = worstFate(container, [callOf(machine, "unshare", flags), callOf(machine, "clone", [CLONE_NEWUSER | 17n]), callOf(machine, "clone3")]);
  const filtered = byFate(container, fate, "it may make user namespaces", [most.evidence]);
  if (filtered.open === false || restrict.value !== 1 || admin !== undefined) return filtered;
  const labels = new Set(container.tasks.map(({ label }) => label));
  if (labels.size === 1 && labels.has("unconfined")) {
    return { open: false, by: "AppArmor", text: "AppArmor leaves no capability in a new user namespace", evidence: [restrict.evidence] };
  }
  return { open: undefined, text: "AppArmor restricts user namespaces, and what its profile allows is not known", evidence: [restrict.evidence] };
}

/** A capability in some user namespace: its own, or one that it may make. */
export function capabilityAccess(container: ContainerFacts, facts: AuditFacts, capability: number, name: string): Access {
  const holder = holderOf(container, [capability]);
  if (holder !== undefined) return { open: true, text: `it has ${name}`, evidence: [holder.evidence] };
  const own = userNamespaces(container, facts);
  if (own.open === true) return { ...own, text: `${name} in a user namespace that it may make` };
  return own.open === false ? { ...own, text: `it has no ${name}, and ${own.text} for a user namespace that would give it` } : own;
}

/** A part of the kernel that may be a module. */
export function moduleAccess({ host }: AuditFacts, names: readonly string[]): Access {
  const states = names.map((name) => ({ name, state: host.kernel.modules.get(name) }));
  const evidence = states.map(({ name, state }) => ({ source: `kernel module ${name}`, value: state ?? "unknown" }));
  const answers = states.map(({ state }) => isReachable(state));
  if (answers.includes(true)) return { open: true, text: `${names.join(", ")} can be used`, evidence };
  if (answers.includes(undefined)) return { open: undefined, text: `whether the module ${names.join(" or ")} is there is not known`, evidence };
  const forbidden = states.some(({ state }) => state === "disabled" || state === "manual");
  return { open: false, ...(forbidden ? { by: "module rules" } : {}), text: forbidden ? `${names.join(", ")} is not loaded by itself` : `this kernel has no ${names.join(" or ")}`, evidence };
}

/** What must all be open; the first that is closed decides, then the first that is unknown. */
export function allOf(accesses: readonly Access[]): Access {
  const decisive = accesses.find(({ open }) => open === false) ?? accesses.find(({ open }) => open === undefined) ?? accesses.at(-1);
  return decisive ?? { open: true, text: "no privilege is needed", evidence: [] };
}

function socketAccess(container: ContainerFacts, facts: AuditFacts, family: bigint, modules: readonly string[], text: string): Access {
  const fate = fateOf(container, callOf(facts.host.kernel.machine, "socket", [family, 5n, 0n]));
  return allOf([...modules.map((name) => moduleAccess(facts, [name])), byFate(container, fate, text)]);
}

/** A socket family of the kernel's crypto interface. AppArmor's newer profiles deny it too, which cannot be read from outside. */
export function algAccess(container: ContainerFacts, facts: AuditFacts, modules: readonly string[] = ["af_alg"]): Access {
  const access = socketAccess(container, facts, FAMILY.ALG, modules, "AF_ALG sockets can be made");
  const labelled = container.tasks.every(({ label }) => typeof label === "string" && label !== "" && label !== "unconfined" && !label.includes("complain"));
  const active = facts.host.kernel.securityModules;
  if (access.open !== true || !labelled || typeof active === "number" || !active.includes("apparmor")) return access;
  return { ...access, open: undefined, text: "seccomp lets AF_ALG through, and whether its AppArmor profile does is not known" };
}

export function vsockAccess(container: ContainerFacts, facts: AuditFacts): Access {
  return socketAccess(container, facts, FAMILY.VSOCK, ["vsock"], "AF_VSOCK sockets can be made");
}

/** A socket family by number that a module serves. */
export function familyAccess(container: ContainerFacts, facts: AuditFacts, family: number, module: string): Access {
  return socketAccess(container, facts, BigInt(family), [module], `${module} sockets can be made`);
}

export function ipv6Access(container: ContainerFacts, facts: AuditFacts): Access {
  const { absent, evidence } = sysctl(facts, SURFACE_FILES.ipv6);
  if (absent) return { open: false, text: "this kernel has no IPv6", evidence: [evidence] };
  return socketAccess(container, facts, FAMILY.INET6, [], "IPv6 sockets can be made");
}

export function ioUringAccess(container: ContainerFacts, facts: AuditFacts): Access {
  const disabled = sysctl(facts, SURFACE_FILES.ioUring);
  if (disabled.value === 2) return { open: false, by: "kernel.io_uring_disabled", text: "kernel.io_uring_disabled is 2", evidence: [disabled.evidence] };
  const without = isWithout(facts, "CONFIG_IO_URING", "this kernel has no io_uring");
  if (without !== undefined) return without;
  const access = byFate(container, fateOf(container, callOf(facts.host.kernel.machine, "io_uring_setup", [1n, 0n])), "io_uring_setup can be called", [disabled.evidence]);
  if (disabled.value !== 1 || access.open === false || hostHolderOf(container, [CAP.SYS_ADMIN]) !== undefined) return access;
  const group = sysctl(facts, SURFACE_FILES.ioUringGroup);
  const isMember = ({ gids, groups }: ProcessStatus): boolean => group.value !== undefined && (gids.effective === group.value || groups.includes(group.value));
  if (container.tasks.some(({ status }) => isMember(status))) return { ...access, evidence: [...access.evidence, group.evidence] };
  return { open: false, by: "kernel.io_uring_disabled", text: "kernel.io_uring_disabled is 1, and it has no CAP_SYS_ADMIN", evidence: [disabled.evidence] };
}

export function bpfAccess(container: ContainerFacts, facts: AuditFacts): Access {
  const { value, absent, evidence } = sysctl(facts, SURFACE_FILES.bpf);
  const access = byFate(container, fateOf(container, callOf(facts.host.kernel.machine, "bpf")), "bpf can be called", [evidence]);
  const holder = hostHolderOf(container, [CAP.BPF, CAP.SYS_ADMIN]);
  if (access.open === false || holder !== undefined) return access;
  if (absent) return { open: false, text: "this kernel has no bpf(2), or it is hidden", evidence: [evidence] };
  if (value === undefined) return { open: undefined, text: "kernel.unprivileged_bpf_disabled could not be read", evidence: [evidence] };
  return value === 0 ? access : { open: false, by: "kernel.unprivileged_bpf_disabled", text: `kernel.unprivileged_bpf_disabled is ${value}, and it has no CAP_BPF`, evidence: [evidence] };
}

/** Above 2 only the kernels of Debian, Ubuntu and Android forbid it as a whole; others take it for 2, which leaves measuring one's own programs. */
export function perfAccess(container: ContainerFacts, facts: AuditFacts): Access {
  const { value, absent, evidence } = sysctl(facts, SURFACE_FILES.perf);
  if (absent) return { open: false, text: "this kernel has no perf events", evidence: [evidence] };
  const access = byFate(container, fateOf(container, callOf(facts.host.kernel.machine, "perf_event_open")), "perf_event_open can be called", [evidence]);
  if (access.open === false || hostHolderOf(container, [CAP.PERFMON, CAP.SYS_ADMIN]) !== undefined || value === undefined || value < 3) return access;
  if (!/Debian|Ubuntu/.test(facts.host.kernel.build)) return access;
  return { open: false, by: "kernel.perf_event_paranoid", text: `kernel.perf_event_paranoid is ${value}, and it has no CAP_PERFMON`, evidence: [evidence] };
}

export function faultAccess(container: ContainerFacts, facts: AuditFacts): Access {
  const { value, absent, evidence } = sysctl(facts, SURFACE_FILES.faults);
  if (absent) return { open: false, text: "this kernel has no userfaultfd", evidence: [evidence] };
  const access = byFate(container, fateOf(container, callOf(facts.host.kernel.machine, "userfaultfd")), "userfaultfd can be called for faults in the kernel", [evidence]);
  if (access.open === false || hostHolderOf(container, [CAP.SYS_PTRACE]) !== undefined) return access;
  if (value === undefined) return { open: undefined, text: "vm.unprivileged_userfaultfd could not be read", evidence: [evidence] };
  return value === 1 ? access : { open: false, by: "vm.unprivileged_userfaultfd", text: "vm.unprivileged_userfaultfd is 0: only for faults in user mode", evidence: [evidence] };
}

/** setsockopt(TCP_ULP, "tls"). The kernel loads the module only for CAP_NET_ADMIN in the initial user namespace (tcp_ulp.c). */
export function ktlsAccess(container: ContainerFacts, facts: AuditFacts): Access {
  const state = facts.host.kernel.modules.get("tls");
  const module = moduleAccess(facts, ["tls"]);
  if (state === "loadable" && hostHolderOf(container, [CAP.NET_ADMIN]) === undefined) {
    return { open: false, by: "the module, which is not loaded", text: "the module tls is not loaded, and loading it takes CAP_NET_ADMIN of the host", evidence: module.evidence };
  }
  return allOf([module, byFate(container, fateOf(container, callOf(facts.host.kernel.machine, "setsockopt", [3n, 6n, 31n])), "kTLS can be switched on for any TCP socket")]);
}

export function ptraceAccess(container: ContainerFacts, facts: AuditFacts): Access {
  const { value, evidence } = sysctl(facts, SURFACE_FILES.ptrace);
  if (value === 3) return { open: false, by: "Yama", text: "kernel.yama.ptrace_scope is 3", evidence: [evidence] };
  return byFate(container, fateOf(container, callOf(facts.host.kernel.machine, "ptrace")), "ptrace can be called", [evidence]);
}

/** The hierarchy of cgroup v1 that CVE-2022-0492 needs, mounted by the container itself. */
export function legacyCgroupAccess(container: ContainerFacts, facts: AuditFacts): Access {
  const { layout, kernel } = facts.host;
  const evidence = [{ source: "/proc/self/mountinfo", value: `cgroup ${layout.version}` }];
  if (layout.version === "v2") return { open: false, by: "cgroup v2", text: "this host has no controllers of cgroup v1", evidence };
  return byFate(container, fateOf(container, callOf(kernel.machine, "mount")), "cgroup v1 hierarchies can be mounted", evidence);
}
