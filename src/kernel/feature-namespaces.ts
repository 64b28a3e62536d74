/** User namespaces, /proc inside them, time namespaces, and whether this process is in a container already. Pure: judges facts. */
import { E, PROBE_NAMESPACES, callEvidence, fileEvidence, hasCapability, isFiltered, releaseEvidence, resultText, textOf } from "./feature-facts.ts";
import type { Feature, FeatureEvidence, FeatureFacts, ProbeNamespace, Verdict } from "./feature-facts.ts";
import { mountsOf } from "./feature-mounts.ts";
import { procVisibility } from "./proc-visibility.ts";

const CAP_SYS_ADMIN = 21;

/**
 * The AppArmor profile that lets the binary at `path` make user namespaces with capabilities on Ubuntu 23.10 and later, as Ubuntu ships them for
 * browsers: unconfined but for the `userns` permission. Characters that AppArmor's globbing or quoting gives a meaning are escaped.
 */
export function apparmorProfile(path: string): string {
  const escaped = path.replace(/[\\*?[\]{}^"@,()]/g, "\\$&");
  return `abi <abi/4.0>,\ninclude <tunables/global>\nprofile pidbox "${escaped}" flags=(unconfined) {\n  userns,\n  include if exists <local/pidbox>\n}\n`;
}

function apparmorRemedy(facts: FeatureFacts): string {
  // A path with control characters has no place in a profile, nor in a command to paste.
  if (/[\u0000-\u001f\u007f-\u009f]/.test(facts.executable)) return "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
  const here = `sudo tee /etc/apparmor.d/pidbox <<'EOF'\n${apparmorProfile(facts.executable)}EOF\nsudo apparmor_parser -r /etc/apparmor.d/pidbox`;
  return `${here}\n# or, for every program of this host: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`;
}

/** The caller's AppArmor label, such as `unconfined` or `pidbox (unconfined)`; undefined where AppArmor is not the answering LSM. */
function apparmorLabel(facts: FeatureFacts): string | undefined {
  if (textOf(facts, "/sys/module/apparmor/parameters/enabled") !== "Y") return undefined;
  return textOf(facts, "/proc/self/attr/apparmor/current") ?? textOf(facts, "/proc/self/attr/current");
}

// Since Ubuntu's 6.5 a program without a profile that has `userns` gets its namespace, but is moved to the profile unprivileged_userns, which
// denies capabilities.
function apparmorRestriction(facts: FeatureFacts): Verdict | undefined {
  const sysctl = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
  const setting = textOf(facts, sysctl);
  if (setting === undefined || setting === "0" || hasCapability(facts, CAP_SYS_ADMIN)) return undefined;
  const label = apparmorLabel(facts);
  const evidence: FeatureEvidence[] = [fileEvidence(facts, sysctl), { source: "/proc/self/attr/apparmor/current", value: label ?? "unreadable" }, callEvidence(facts, "clone3-new-user")];
  if (label === undefined || label === "unconfined") {
    return { answer: "no", reason: "AppArmor takes the capabilities away in a user namespace of a program that has no profile for it", evidence, remedy: apparmorRemedy(facts) };
  }
  return { answer: "unknown", reason: "this process has an AppArmor profile; whether it holds the userns permission cannot be read", evidence };
}

const REFUSALS: readonly { readonly file: "/proc/sys/user/max_user_namespaces" | "/proc/sys/kernel/unprivileged_userns_clone"; readonly remedy: string }[] = [
  { file: "/proc/sys/user/max_user_namespaces", remedy: "sudo sysctl -w user.max_user_namespaces=15000" },
  { file: "/proc/sys/kernel/unprivileged_userns_clone", remedy: "sudo sysctl -w kernel.unprivileged_userns_clone=1" },
];

/** Whether this process can make a user namespace and use it: from the dry run of clone3, explained by sysctls, LSM and filter. */
function userNamespace(facts: FeatureFacts): Verdict {
  const result = facts.calls["clone3-new-user"];
  const call = callEvidence(facts, "clone3-new-user");
  if (facts.paths["/proc/self/ns/user"] === E.NOENT) {
    return { answer: "no", reason: "the kernel was built without CONFIG_USER_NS", evidence: [{ source: "/proc/self/ns/user", value: "ENOENT" }] };
  }
  const privileged = hasCapability(facts, CAP_SYS_ADMIN);
  for (const { file, remedy } of REFUSALS) {
    const applies = file === "/proc/sys/user/max_user_namespaces" || !privileged;
    if (applies && textOf(facts, file) === "0") return { answer: "no", reason: `${file.slice("/proc/sys/".length)} is 0`, evidence: [fileEvidence(facts, file), call], remedy };
  }
  const restriction = apparmorRestriction(facts);
  if (restriction !== undefined) return restriction;
  if (result === E.INVAL) return { answer: "yes", evidence: [call, fileEvidence(facts, "/proc/sys/user/max_user_namespaces")] };
  if (result === E.NOSPC || result === E.USERS) {
    const remedy = "sudo sysctl -w user.max_user_namespaces=15000";
    return { answer: "no", reason: "the limit of user namespaces (their number or 32 levels) is reached", evidence: [call, fileEvidence(facts, "/proc/sys/user/max_user_namespaces")], remedy };
  }
  if (result === E.PERM || result === E.ACCES) {
    const reason = isFiltered(facts) ? "refused; a seccomp filter is on this process" : "refused: the caller is in a chroot, its ids have no mapping, or a security module forbids it";
    return { answer: "no", reason, evidence: [call] };
  }
  return { answer: "unknown", reason: "clone3 cannot be asked here", evidence: [call] };
}

function freshProc(facts: FeatureFacts): Verdict {
  const table = mountsOf(facts);
  if ("unknown" in table) return table.unknown;
  const source = "/proc/self/mountinfo";
  const state = procVisibility(table.mounts);
  const remedy = "Run pidbox outside this container, or start the container with an unmasked /proc: docker run --security-opt systempaths=unconfined, podman run --security-opt unmask=ALL, Kubernetes procMount: Unmasked";
  if (state.masks.length > 0) {
    const shown = state.masks.slice(0, 5).join(" ") + (state.masks.length > 5 ? ` and ${state.masks.length - 5} more` : "");
    return { answer: "no", reason: "parts of /proc are masked here, so the kernel refuses a new /proc in a user namespace", evidence: [{ source, value: `mounts over ${shown}` }], remedy };
  }
  if (!state.visible) return { answer: "no", reason: "no whole proc filesystem is mounted here", evidence: [{ source, value: "no proc mount with root /" }], remedy };
  if (state.readOnly) return { answer: "no", reason: "/proc is read-only here, and the kernel would refuse a writable one in a user namespace", evidence: [{ source, value: "proc ro" }], remedy };
  return { answer: "yes", evidence: [{ source, value: "proc is mounted with nothing over it" }] };
}

function timeNamespace(facts: FeatureFacts): Verdict {
  const result = facts.paths["/proc/self/ns/time"];
  const evidence = [{ source: "/proc/self/ns/time", value: result === 0 ? "present" : resultText(result) }, releaseEvidence(facts)];
  return result === 0 ? { answer: "yes", evidence } : { answer: result === E.NOENT ? "no" : "unknown", evidence };
}

const INITIAL: Readonly<Record<ProbeNamespace, string>> = { pid: "pid:[4026531836]", user: "user:[4026531837]", uts: "uts:[4026531838]", ipc: "ipc:[4026531839]" };

/** Whether pidbox itself runs in a container. Marker files alone prove little: machine images are made from container images. */
function nested(facts: FeatureFacts): Verdict {
  const evidence: FeatureEvidence[] = PROBE_NAMESPACES.map((name) => {
    const found = facts.namespaces[name];
    return { source: `/proc/self/ns/${name}`, value: typeof found === "number" ? resultText(found) : found };
  });
  const markers = (["/.dockerenv", "/run/.containerenv"] as const).filter((path) => facts.paths[path] === 0);
  for (const path of markers) evidence.push({ source: path, value: "present" });
  if (textOf(facts, "/run/systemd/container") !== undefined) evidence.push(fileEvidence(facts, "/run/systemd/container"));
  if (PROBE_NAMESPACES.some((name) => typeof facts.namespaces[name] === "number")) return { answer: "unknown", evidence };
  const own = PROBE_NAMESPACES.filter((name) => facts.namespaces[name] !== INITIAL[name]);
  if (own.length > 0) return { answer: "yes", reason: `the ${own.join(", ")} namespace is not the initial one`, evidence };
  return { answer: "no", ...(markers.length > 0 ? { reason: "every namespace is the initial one, whatever the marker file says" } : {}), evidence };
}

/** The namespace group. */
export function namespaceFeatures(facts: FeatureFacts): Feature[] {
  return [
    { name: "user-namespace", title: "user namespaces for this caller", minimumKernel: "3.8", need: "main", why: "root inside is nobody outside", ...userNamespace(facts) },
    { name: "fresh-proc", title: "a new /proc in a user namespace", need: "main", why: "a container sees only its own processes", ...freshProc(facts) },
    { name: "time-namespace", title: "time namespaces", minimumKernel: "5.6", need: "layer", why: "hides the host's uptime", ...timeNamespace(facts) },
    { name: "nested", title: "pidbox runs inside a container", need: "information", why: "explains what is masked or refused", ...nested(facts) },
  ];
}
