/** Security modules: which are active, and Landlock, AppArmor, SELinux and Yama one by one. Pure: judges facts. */
import { E, callEvidence, fileEvidence, resultText, textOf } from "./feature-facts.ts";
import type { Feature, FeatureEvidence, FeatureFacts, Verdict } from "./feature-facts.ts";

/** LSM_ID_* of linux/lsm.h (6.8). */
export const LSM_NAMES: Readonly<Record<number, string>> = {
  100: "capability", 101: "selinux", 102: "smack", 103: "tomoyo", 104: "apparmor", 105: "yama", 106: "loadpin", 107: "safesetid", 108: "lockdown",
  109: "bpf", 110: "landlock", 111: "ima", 112: "evm", 113: "ipe",
};

export interface ActiveModules {
  /** Undefined where neither the call nor the file answers. */
  readonly names: readonly string[] | undefined;
  readonly evidence: FeatureEvidence;
}

/** The active security modules: by lsm_list_modules(2), else by /sys/kernel/security/lsm where securityfs is mounted. */
export function activeModules(facts: FeatureFacts): ActiveModules {
  if (typeof facts.lsmIds !== "number") {
    const names = facts.lsmIds.map((id) => LSM_NAMES[id] ?? `lsm ${id}`);
    return { names, evidence: { source: "lsm_list_modules()", value: names.join(",") } };
  }
  const list = textOf(facts, "/sys/kernel/security/lsm");
  if (list === undefined) return { names: undefined, evidence: { source: "lsm_list_modules()", value: `${resultText(facts.lsmIds)}, and /sys/kernel/security/lsm is not there` } };
  return { names: list.split(",").filter((name) => name !== ""), evidence: fileEvidence(facts, "/sys/kernel/security/lsm") };
}

function landlock(facts: FeatureFacts, active: ActiveModules): Verdict {
  const abi = facts.calls.landlock;
  const evidence = [{ source: "landlock_create_ruleset(VERSION)", value: abi > 0 ? `ABI ${abi}` : resultText(abi) }, active.evidence];
  if (abi > 0) return { answer: "yes", reason: `ABI ${abi}`, evidence };
  if (abi === E.OPNOTSUPP) return { answer: "no", reason: "built in but not enabled", evidence, remedy: "Add landlock to the lsm= list on the kernel's command line" };
  if (abi === E.NOSYS) return { answer: "no", reason: "this kernel does not have it, or a seccomp filter hides it", evidence };
  return { answer: "unknown", evidence };
}

function moduleVerdict(active: ActiveModules, name: string, file: FeatureEvidence, enabled: boolean | undefined, remedy: string): Verdict {
  const evidence = [file, active.evidence];
  const listed = active.names?.includes(name);
  if (enabled === true || (enabled === undefined && listed === true)) return { answer: "yes", evidence };
  if (listed === true) return { answer: "unknown", reason: "listed as active, but its own file says otherwise or cannot be read", evidence };
  // One of AppArmor and SELinux is enough: where the other is active, there is nothing to mend.
  const other = active.names?.includes(name === "apparmor" ? "selinux" : "apparmor") === true;
  if (enabled === false || listed === false) return { answer: "no", evidence, ...(other ? {} : { remedy }) };
  return { answer: "unknown", evidence };
}

function apparmor(facts: FeatureFacts, active: ActiveModules): Verdict {
  const file = "/sys/module/apparmor/parameters/enabled";
  const text = textOf(facts, file);
  // Where sysfs itself is not mounted, the file's absence proves nothing.
  const sysfs = facts.vulnerabilities !== E.NOENT;
  const enabled = text === undefined ? (facts.files[file] === E.NOENT && sysfs ? false : undefined) : text === "Y";
  const verdict = moduleVerdict(active, "apparmor", fileEvidence(facts, file), enabled, "Where the kernel has it, add apparmor to the lsm= list on its command line (Debian, Ubuntu and SUSE kernels have it)");
  const label = textOf(facts, "/proc/self/attr/apparmor/current");
  return label === undefined ? verdict : { ...verdict, evidence: [...verdict.evidence, { source: "/proc/self/attr/apparmor/current", value: label }] };
}

// Without selinuxfs in sight (a container, or not mounted) the file's absence proves nothing; the list of modules does.
function selinux(facts: FeatureFacts, active: ActiveModules): Verdict {
  const file = "/sys/fs/selinux/enforce";
  const text = textOf(facts, file);
  const verdict = moduleVerdict(active, "selinux", fileEvidence(facts, file), text === undefined ? undefined : true, "Where the kernel has it, add selinux to the lsm= list on its command line (Fedora and RHEL kernels have it)");
  return text === "0" ? { ...verdict, reason: "permissive: it records and forbids nothing", remedy: "sudo setenforce 1" } : verdict;
}

function oneModule(facts: FeatureFacts): Verdict {
  const active = activeModules(facts);
  const answers = [landlock(facts, active), apparmor(facts, active), selinux(facts, active)].map((verdict) => verdict.answer);
  const answer = answers.includes("yes") ? "yes" : answers.includes("unknown") ? "unknown" : "no";
  return { answer, evidence: [active.evidence] };
}

function ptraceScope(facts: FeatureFacts): Verdict {
  const file = "/proc/sys/kernel/yama/ptrace_scope";
  const text = textOf(facts, file);
  const evidence = [fileEvidence(facts, file)];
  if (text === undefined) return { answer: facts.files[file] === E.NOENT ? "no" : "unknown", reason: "Yama is not active", evidence };
  return /^[123]$/.test(text) ? { answer: "yes", evidence } : { answer: "no", evidence, remedy: "sudo sysctl -w kernel.yama.ptrace_scope=1" };
}

/** The security module group. */
export function lsmFeatures(facts: FeatureFacts): Feature[] {
  const active = activeModules(facts);
  return [
    { name: "lsm", title: "a security module that pidbox can use", need: "layer", why: "a second opinion beside namespaces and seccomp", ...oneModule(facts) },
    { name: "landlock", title: "Landlock", minimumKernel: "5.13", need: "layer", why: "forbids files, ports and signals without any privilege", ...landlock(facts, active) },
    { name: "apparmor", title: "AppArmor", need: "information", why: "a profile for the container", ...apparmor(facts, active) },
    { name: "selinux", title: "SELinux", need: "information", why: "a label for the container", ...selinux(facts, active) },
    { name: "yama", title: "Yama restricts ptrace", need: "information", why: "processes of one user cannot take each other over", ...ptraceScope(facts) },
    { name: "seccomp-actions", title: "seccomp actions", need: "information", why: "kills, logs or notifies by rule", ...actions(facts) },
  ];
}

function actions(facts: FeatureFacts): Verdict {
  const file = "/proc/sys/kernel/seccomp/actions_avail";
  const text = textOf(facts, file);
  const evidence = text === undefined ? [fileEvidence(facts, file), callEvidence(facts, "seccomp-filter")] : [fileEvidence(facts, file)];
  if (text === undefined) return { answer: "unknown", evidence };
  const missing = ["kill_process", "errno", "user_notif", "log", "allow"].filter((action) => !text.split(" ").includes(action));
  return missing.length === 0 ? { answer: "yes", evidence } : { answer: "no", reason: `missing: ${missing.join(" ")}`, evidence };
}
