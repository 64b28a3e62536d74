/** Where cgroup limits can be set, and by whom. Pure: judges facts. */
import { fileEvidence, resultText, shellWord, versionVerdict } from "./feature-facts.ts";
import type { CgroupPlace, Feature, FeatureEvidence, FeatureFacts, Verdict } from "./feature-facts.ts";

const DELEGATE = "systemd-run --user --scope -p Delegate=yes -- pidbox do true";
const DELEGATE_ALL = "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload # then log in again";

function placeEvidence(place: CgroupPlace): FeatureEvidence[] {
  const controllers = typeof place.controllers === "number" ? resultText(place.controllers) : place.controllers.join(" ") || "none";
  return [
    { source: place.version === 2 ? `${place.directory}/cgroup.controllers` : place.directory, value: controllers },
    { source: `access(${place.directory}, W_OK)`, value: place.writable === 0 ? "allowed" : resultText(place.writable) },
  ];
}

function refusal(facts: FeatureFacts, place: CgroupPlace): Verdict {
  const evidence = placeEvidence(place);
  if (place.writable === -30) {
    return { answer: "no", reason: "the cgroup tree is mounted read-only, as in a container", evidence, remedy: "Run pidbox outside this container, or give it a writable cgroup namespace: docker run --cgroupns=private -v /sys/fs/cgroup:/sys/fs/cgroup:rw" };
  }
  if (place.version === 1) return { answer: "no", reason: "cgroup v1 cannot be delegated safely: only root sets limits there", evidence, remedy: "Run as root, or boot with systemd.unified_cgroup_hierarchy=1" };
  const directory = shellWord(`${place.directory}/pidbox`);
  const systemd = facts.paths["/run/systemd/system"] === 0;
  return {
    answer: "no", reason: "this cgroup belongs to somebody else and is not delegated", evidence,
    remedy: systemd ? DELEGATE : `sudo mkdir ${directory} && sudo chown -R ${facts.effectiveUid} ${directory} # then start pidbox in it`,
  };
}

const MOUNT_HINT = "On a host: sudo mount -t cgroup2 none /sys/fs/cgroup. In a container: run pidbox outside it, or give it a writable cgroup tree";

// No place was found: because nothing is mounted, or because the process's own cgroup is outside what is.
function noPlace(facts: FeatureFacts): Verdict {
  const source = "/proc/self/mountinfo";
  const text = facts.files[source];
  if (typeof text === "number") return { answer: "unknown", reason: "the mount table cannot be read", evidence: [{ source, value: resultText(text) }] };
  if (!/ - cgroup2? /.test(text)) return { answer: "no", reason: "no cgroup filesystem is mounted here", evidence: [{ source, value: "no cgroup mount" }], remedy: MOUNT_HINT };
  return { answer: "unknown", reason: "the cgroup of this process is outside the mounted tree", evidence: [fileEvidence(facts, "/proc/self/cgroup")] };
}

function controllerVerdict(facts: FeatureFacts, controller: string): Verdict {
  if (facts.cgroups.length === 0) return noPlace(facts);
  const place = facts.cgroups.find((p) => typeof p.controllers !== "number" && p.controllers.includes(controller));
  if (place !== undefined) return place.writable === 0 ? { answer: "yes", evidence: placeEvidence(place) } : refusal(facts, place);
  const unified = facts.cgroups.find((p) => p.version === 2);
  const evidence = facts.cgroups.flatMap((p) => placeEvidence(p).slice(0, 1));
  if (unified === undefined) return { answer: "no", reason: `the ${controller} controller is not mounted`, evidence, remedy: `sudo mkdir -p /sys/fs/cgroup/${controller} && sudo mount -t cgroup -o ${controller} ${controller} /sys/fs/cgroup/${controller}` };
  if (typeof unified.controllers === "number") return { answer: "unknown", reason: "the controllers of this cgroup cannot be read", evidence };
  if (unified.writable !== 0) return refusal(facts, unified);
  if (facts.effectiveUid !== 0) return { answer: "no", reason: `the ${controller} controller is not delegated to this user`, evidence, remedy: DELEGATE_ALL };
  return { answer: "no", reason: `the ${controller} controller is neither in the v2 tree nor mounted as v1`, evidence, remedy: `Remove cgroup_disable=${controller} from the kernel's command line, or build it in` };
}

function layout(facts: FeatureFacts): Verdict {
  const v1 = facts.cgroups.filter((p) => p.version === 1);
  const v2 = facts.cgroups.some((p) => p.version === 2);
  const evidence = facts.cgroups.flatMap((p) => placeEvidence(p).slice(0, 1));
  if (facts.cgroups.length === 0) return noPlace(facts);
  if (v1.length === 0) return { answer: "yes", reason: "v2", evidence };
  return { answer: "no", reason: v2 ? "hybrid: v1 controllers beside a v2 tree" : "v1", evidence };
}

function kill(facts: FeatureFacts): Verdict {
  const unified = facts.cgroups.find((p) => p.version === 2);
  if (facts.cgroups.length === 0) return noPlace(facts);
  if (unified === undefined) return { answer: "no", reason: "there is no v2 tree", evidence: [{ source: "/proc/self/mountinfo", value: "no cgroup2 mount" }] };
  if (unified.kill === undefined) return versionVerdict(facts, [5, 14]);
  const evidence = [{ source: `cgroup.kill in ${unified.directory} or its first child`, value: unified.kill === 0 ? "present" : resultText(unified.kill) }];
  return { answer: unified.kill === 0 ? "yes" : unified.kill === -2 ? "no" : "unknown", evidence };
}

/** The cgroup group. */
export function cgroupFeatures(facts: FeatureFacts): Feature[] {
  const limit = (name: string, need: "main" | "layer", why: string): Feature => {
    return { name: `cgroup-${name}`, title: `${name} limits for this caller`, need, why, ...controllerVerdict(facts, name) };
  };
  return [
    { name: "cgroup-v2", title: "cgroup v2 alone", minimumKernel: "4.5", need: "information", why: "one tree that can be delegated", ...layout(facts) },
    limit("pids", "main", "a fork bomb stops at the limit"),
    limit("memory", "main", "a memory hog dies alone"),
    limit("cpu", "layer", "a busy container leaves time to others"),
    { name: "cgroup-kill", title: "cgroup.kill", minimumKernel: "5.14", need: "information", why: "kills a whole container at once", ...kill(facts) },
  ];
}
