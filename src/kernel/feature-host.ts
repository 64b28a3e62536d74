/** The kernel as a whole: its version, CPU flaws, core scheduling and the terminal's injection ioctl. Pure: judges facts. */
import { E, callEvidence, fileEvidence, releaseEvidence, resultText, textOf } from "./feature-facts.ts";
import type { Feature, FeatureFacts, Verdict } from "./feature-facts.ts";
import { isAtLeast } from "./release.ts";
import type { KernelVersion } from "./release.ts";

/** The oldest kernel that pidbox supports. */
export const KERNEL_FLOOR: KernelVersion = [5, 14];

function kernel(facts: FeatureFacts): Verdict {
  const evidence = [releaseEvidence(facts)];
  if (isAtLeast(facts.release, KERNEL_FLOOR)) return { answer: "yes", evidence };
  return { answer: "no", reason: `pidbox needs Linux ${KERNEL_FLOOR.join(".")} or newer`, evidence, remedy: "Boot a newer kernel of your distribution" };
}

// The files say "Not affected", "Mitigation: ...", "Vulnerable..." or, where the kernel cannot know, "Unknown..." (Documentation/ABI/testing/sysfs-devices-system-cpu).
function cpu(facts: FeatureFacts): Verdict {
  const source = "/sys/devices/system/cpu/vulnerabilities";
  if (typeof facts.vulnerabilities === "number") return { answer: "unknown", evidence: [{ source, value: resultText(facts.vulnerabilities) }] };
  const entries = Object.entries(facts.vulnerabilities);
  const open = entries.filter(([, text]) => /\bvulnerable\b/i.test(text));
  const unclear = entries.filter(([, text]) => !/\bvulnerable\b/i.test(text) && !/^(Not affected|Mitigation: )/.test(text));
  const evidence = [...open, ...unclear].map(([name, text]) => ({ source: `${source}/${name}`, value: text.slice(0, 200) }));
  if (open.length > 0) return { answer: "no", reason: `${open.length} of ${entries.length} known flaws are open`, evidence, remedy: "Update microcode and kernel, and remove mitigations=off and nosmt exceptions from the kernel's command line" };
  if (unclear.length > 0 || entries.length === 0) return { answer: "unknown", evidence: evidence.length === 0 ? [{ source, value: "empty" }] : evidence };
  return { answer: "yes", evidence: [{ source, value: `${entries.length} flaws, each mitigated or absent` }] };
}

function coreScheduling(facts: FeatureFacts): Verdict {
  const result = facts.calls["core-scheduling"];
  const evidence = [callEvidence(facts, "core-scheduling"), releaseEvidence(facts)];
  if (result >= 0) return { answer: "yes", evidence };
  if (result === E.NODEV) return { answer: "no", reason: "no core of this machine runs two threads, so there is nothing to keep apart", evidence };
  return { answer: result === E.INVAL ? "no" : "unknown", ...(result === E.INVAL ? { reason: "built without CONFIG_SCHED_CORE" } : {}), evidence };
}

function terminal(facts: FeatureFacts): Verdict {
  const file = "/proc/sys/dev/tty/legacy_tiocsti";
  const text = textOf(facts, file);
  const evidence = [fileEvidence(facts, file), releaseEvidence(facts)];
  if (text === "0") return { answer: "yes", evidence };
  if (text === "1") return { answer: "no", evidence, remedy: "sudo sysctl -w dev.tty.legacy_tiocsti=0" };
  return { answer: isAtLeast(facts.release, [6, 2]) ? "unknown" : "no", reason: "the switch came with Linux 6.2; pidbox gives every container a session and terminal of its own", evidence };
}

/** The host group. */
export function hostGroupFeatures(facts: FeatureFacts): Feature[] {
  return [
    { name: "kernel", title: "Linux 5.14 or newer", minimumKernel: KERNEL_FLOOR.join("."), need: "main", why: "the oldest kernel that pidbox is built for", ...kernel(facts) },
    { name: "cpu-mitigations", title: "CPU flaws are mitigated", need: "layer", why: "containers share the CPU's caches and predictors with the host", ...cpu(facts) },
    { name: "core-scheduling", title: "core scheduling", minimumKernel: "5.14", need: "information", why: "keeps two containers off the two threads of one core", ...coreScheduling(facts) },
    { name: "tiocsti-off", title: "terminal input injection is off", minimumKernel: "6.2", need: "information", why: "a program cannot type into the terminal that it shares", ...terminal(facts) },
  ];
}
