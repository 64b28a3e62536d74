import type { Answer, Severity } from "../../report/finding.ts";
import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";
import type { HostCheck } from "../check.ts";

const LINE = "/proc/cmdline";

interface Setting {
  readonly path: string;
  /** Values that are weak. */
  readonly weak: RegExp;
  readonly says: string;
  readonly severity: Severity;
}

/** What distributions set by default, and what somebody must have taken off; no wish list. */
const SETTINGS: readonly Setting[] = [
  { path: "/proc/sys/kernel/randomize_va_space", weak: /^[01]$/, says: "addresses of programs are not all random", severity: "medium" },
  { path: "/proc/sys/vm/mmap_min_addr", weak: /^([0-9]|[0-9]{2,3}|[1-3][0-9]{3}|40[0-8][0-9]|409[0-5])$/, says: "programs may map page zero", severity: "high" },
  { path: "/proc/sys/fs/protected_symlinks", weak: /^0$/, says: "symbolic links in /tmp are followed for others", severity: "medium" },
  { path: "/proc/sys/fs/protected_hardlinks", weak: /^0$/, says: "files of others can be linked to", severity: "medium" },
  { path: "/proc/sys/fs/protected_fifos", weak: /^0$/, says: "fifos of others in /tmp are opened", severity: "low" },
  { path: "/proc/sys/fs/protected_regular", weak: /^0$/, says: "files of others in /tmp are opened for writing", severity: "low" },
  { path: "/proc/sys/dev/tty/ldisc_autoload", weak: /^1$/, says: "line disciplines load without privilege", severity: "low" },
];
const WORDS: readonly { readonly pattern: RegExp; readonly says: string; readonly severity: Severity }[] = [
  { pattern: /^mitigations=off$/, says: "mitigations of CPU flaws are off", severity: "high" },
  { pattern: /^(nopti|pti=off|nospectre_v1|nospectre_v2|spectre_v2=off|mds=off|l1tf=off|nospec_store_bypass_disable)$/, says: "a mitigation of a CPU flaw is off", severity: "high" },
  { pattern: /^nokaslr$/, says: "the kernel's addresses are not random", severity: "high" },
  { pattern: /^(nosmep|nosmap)$/, says: "the kernel may run or read memory of programs unguarded", severity: "high" },
  { pattern: /^vsyscall=native$/, says: "vsyscalls are executed at a fixed address", severity: "medium" },
  { pattern: /^init_on_alloc=0$/, says: "memory of the kernel is not cleared, though the kernel was built to", severity: "low" },
];

export const check: HostCheck = {
  scope: "host",
  id: "K16",
  name: "kernel-hardening",
  title: "A protection of the kernel is off",
  severity: "medium",
  why: "These settings turn many mistakes of the kernel and of programs into mere crashes. They cost little and are on by default; one that is off was taken off, or never set on an old kernel.",
  references: ["T1068"],
  remedy: { text: "Set it back, in /etc/sysctl.d or on the kernel's command line", host: "sysctl -w fs.protected_symlinks=1 fs.protected_hardlinks=1 fs.protected_fifos=1 fs.protected_regular=2 kernel.randomize_va_space=2" },
  reads: { files: [LINE, ...SETTINGS.map(({ path }) => path)] },
  evaluate({ host: { files } }) {
    const line = files.get(LINE);
    const words = typeof line === "string" ? line.split(" ") : [];
    const onLine = words.flatMap((word): Answer[] => {
      const match = WORDS.find(({ pattern }) => pattern.test(word));
      return match === undefined ? [] : [{ ...finding(`${match.says} (${word})`, saw(LINE, word)), severity: match.severity }];
    });
    const set = SETTINGS.flatMap(({ path, weak, says, severity }): Answer[] => {
      const value = files.get(path);
      return typeof value === "string" && weak.test(value) ? [{ ...finding(says, saw(path, value)), severity }] : [];
    });
    const read = [LINE, ...SETTINGS.map(({ path }) => path)].filter((path) => typeof files.get(path) === "string");
    const found = [...onLine, ...set];
    if (found.length > 0) return found;
    const hidden = files.get(LINE);
    if (typeof hidden !== "string") return unknown("the kernel's command line could not be read", evidenceOf(LINE, hidden ?? "not read"));
    return pass(`${read.length} settings are as they should be`, ...read.filter((path) => path !== LINE).map((path) => evidenceOf(path, files.get(path) ?? "")));
  },
};
