import type { HostCheck } from "../check.ts";
import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";

const DIRECTORY = "/sys/devices/system/cpu/vulnerabilities";

export const check: HostCheck = {
  scope: "host",
  id: "S05",
  name: "cpu-flaws",
  title: "A flaw of the CPU is not mitigated",
  severity: "high",
  why: "All containers share caches and predictors: by an open flaw one reads another's memory, or the host's, and no namespace is in the way.",
  references: ["T1082"],
  remedy: { text: "Update kernel and microcode, and leave mitigations on", host: "apt install intel-microcode amd64-microcode linux-image-amd64   # and no mitigations=off on the kernel's command line" },
  reads: { filesOf: [DIRECTORY] },
  evaluate({ host }) {
    const names = host.directories.get(DIRECTORY);
    if (names === undefined || typeof names === "number") return unknown("this kernel does not tell", evidenceOf(DIRECTORY, names ?? -2));
    const answers = names.map((name) => ({ name, path: `${DIRECTORY}/${name}`, text: host.files.get(`${DIRECTORY}/${name}`) ?? -2 }));
    // "Vulnerable", or a mitigation with a hole: "Mitigation: Clear CPU buffers; SMT vulnerable", "KVM: Vulnerable", "Processor vulnerable".
    const open = answers.filter(({ text }) => typeof text === "string" && /^(KVM: )?(Processor )?[Vv]ulnerable/.test(text));
    const dark = answers.filter(({ text }) => typeof text === "number" || text.startsWith("Unknown"));
    if (open.length > 0) return open.map(({ name, path, text }) => finding(`${name}: ${String(text)}`, evidenceOf(path, text)));
    if (dark.length > 0) return unknown(dark.map(({ name }) => name).join(", "), ...dark.map(({ path, text }) => evidenceOf(path, text)));
    return pass(`${answers.length} flaws, each mitigated or absent`, saw(DIRECTORY, names.join(" ")));
  },
};
