import { dockerHas } from "../../engine/installed-config.ts";
import type { Answer } from "../../report/finding.ts";
import { finding, inapplicable, pass, unknown } from "../check.ts";
import type { HostCheck } from "../check.ts";
import { programEvidence, programFix } from "../cve/program-fix.ts";
import type { HostFacts, ProgramFacts } from "../facts.ts";

const DAEMON = "/etc/docker/daemon.json";
const NAMED = 6;

/** Names of the component in the data: the shim is containerd's, and NVIDIA's hook is of its toolkit. */
const COMPONENT: Readonly<Record<string, string>> = { "containerd-shim-runc-v2": "containerd", "nvidia-container-runtime-hook": "nvidia-container-toolkit" };

/** Whether a setting that a vulnerability needs is there; what cannot be read counts as set. */
function isSet({ files, engines }: HostFacts, setting: string, program: ProgramFacts): boolean {
  const option = `--${setting.replace(/s$/, "")}`;
  if ((engines.commands.get(program.name) ?? []).some((word) => word.startsWith(option))) return true;
  const text = files.get(DAEMON);
  return typeof text === "string" ? dockerHas(text, setting) : text !== -2;
}

export const check: HostCheck = {
  scope: "host",
  id: "U30",
  name: "engine-vulnerabilities",
  title: "An engine's program has a known vulnerability",
  severity: "high",
  why:
    "An image or a container that knows a hole of the runtime becomes root of the host the moment it is started, whatever its options are: Leaky Vessels and the mask races of runc were so. " +
    "A distribution mends old versions, so what its package does not tell is unknown.",
  references: ["CIS Docker 1.2.2", "CVE-2024-21626", "CVE-2025-31133", "T1611"],
  remedy: { text: "Install the fixed version and restart what runs the old one", host: "apt-get update && apt-get install --only-upgrade docker.io containerd runc" },
  reads: { files: [DAEMON] },
  evaluate({ host, cves }) {
    if (host.engines.programs.length === 0) return inapplicable("no program of an engine was found");
    return host.engines.programs.flatMap((program): Answer[] => {
      const component = COMPONENT[program.name] ?? program.name;
      const records = cves.records.filter((record) => record.component === component && (record.setting === undefined || isSet(host, record.setting, program)));
      const fixes = records.map((record) => ({ record, fix: programFix(record, program, host) }));
      const evidence = programEvidence(program);
      const open = fixes.filter(({ fix }) => fix.state === "affected").map(({ record, fix }) => {
        return { ...finding(`${program.path}: ${record.id} (${record.name}): ${fix.why}`, evidence), severity: record.severity };
      });
      const unclear = fixes.filter(({ fix }) => fix.state === "unknown");
      const [first] = unclear;
      const names = unclear.slice(0, NAMED).map(({ record }) => record.id).join(", ") + (unclear.length > NAMED ? ` and ${unclear.length - NAMED} more` : "");
      const rest = first === undefined ? [] : [unknown(`${program.path}: ${names}: ${first.fix.why}`, evidence)];
      if (records.length === 0) return [inapplicable(`${program.name}: the data has nothing on it`, evidence)];
      return open.length + rest.length > 0 ? [...open, ...rest] : [pass(`${program.name}: ${records.length} known until ${cves.date} are fixed`, evidence)];
    });
  },
};
