import type { Answer, Severity } from "../../report/finding.ts";
import { severityRank } from "../../report/finding.ts";
import { blocked, finding, pass, unknown } from "../check.ts";
import type { ContainerCheck } from "../check.ts";
import type { CveRecord } from "../cve/data.ts";
import { kernelFixes, VERSION_SIGNATURE } from "../cve/kernel-fix.ts";
import { reachOf } from "../cve/reach.ts";
import { type Access, SURFACE_FILES } from "../surface.ts";

const NAMED = 6;

function listed(records: readonly CveRecord[]): string {
  const names = records.slice(0, NAMED).map(({ id }) => id).join(", ");
  return records.length > NAMED ? `${names} and ${records.length - NAMED} more` : names;
}

const gravest = (records: readonly CveRecord[]): Severity =>
  records.map(({ severity }) => severity).toSorted((a, b) => severityRank(a) - severityRank(b))[0] ?? "high";

/**
 * One answer for each vulnerability that is not fixed and is in reach or blocked; one for those of which the reach is not known, one for those of which
 * the fix is not known, and one for all where nothing is left to say.
 */
export const check: ContainerCheck = {
  scope: "container",
  id: "K01",
  name: "known-vulnerabilities",
  title: "The kernel has a known vulnerability",
  severity: "high",
  why:
    "All containers share the host's kernel, and one hole in it leads out of each of them. What counts is whether the part of the kernel with the mistake is in reach: " +
    "a vulnerability that a capability, a sysctl or the seccomp filter keeps away is said to be blocked, and comes into reach when that is taken off.",
  references: ["T1068", "T1611"],
  remedy: {
    text: "Install the distribution's newest kernel and reboot; until then take away what the vulnerability needs",
    docker: "docker run --security-opt no-new-privileges --cap-drop ALL   # with the default seccomp filter",
    podman: "podman run --security-opt no-new-privileges --cap-drop ALL",
    host: "apt-get update && apt-get install --only-upgrade linux-image-amd64 && reboot",
  },
  reads: { files: [...Object.values(SURFACE_FILES), VERSION_SIGNATURE] },
  evaluate(container, facts) {
    const reach = reachOf(container, facts);
    const answers: Answer[] = [];
    const unclear: CveRecord[] = [];
    const dark: { readonly record: CveRecord; readonly access: Access }[] = [];
    const fixes = kernelFixes(facts);
    for (const { record, fix } of fixes) {
      if (fix.state === "fixed") continue;
      const access = reach(record);
      const { open, by, text, evidence } = access;
      const title = `${record.id} (${record.name})${record.exploited === true ? ", which is exploited" : ""}`;
      if (fix.state === "unknown") {
        if (open !== false) unclear.push(record);
      } else if (open === true) answers.push({ ...finding(`${title}: ${fix.why}; ${text}`, fix.evidence, ...evidence), severity: record.severity });
      else if (open === undefined) dark.push({ record, access });
      else if (by !== undefined) answers.push({ ...blocked(by, `${title}: ${text}`, fix.evidence, ...evidence), severity: record.severity });
    }
    const [hidden] = dark;
    if (hidden !== undefined) {
      const records = dark.map(({ record }) => record);
      const text = `${listed(records)} ${records.length === 1 ? "is" : "are"} not fixed, and whether the container reaches what they need is not known: ${hidden.access.text}`;
      answers.push({ ...unknown(text, ...hidden.access.evidence), severity: gravest(records) });
    }
    if (unclear.length > 0) {
      const [first] = fixes.filter(({ record }) => record === unclear[0]);
      const text = `whether this kernel has the fixes of ${listed(unclear)}: ${first?.fix.why ?? ""}`;
      answers.push({ ...unknown(text, ...(first === undefined ? [] : [first.fix.evidence])), severity: gravest(unclear) });
    }
    const fixed = fixes.filter(({ fix }) => fix.state === "fixed").length;
    if (!answers.some(({ verdict }) => verdict === "finding" || verdict === "unknown")) {
      answers.push(pass(`${fixed} of ${fixes.length} known until ${facts.cves.date} are fixed, and the others are out of reach`, { source: "/proc/sys/kernel/osrelease", value: facts.host.release }));
    }
    return answers;
  },
};
