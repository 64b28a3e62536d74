/**
 * What an audit answers: one result for each check and what it was asked of. Pure.
 *
 * Values in evidence come from containers as they are: whoever prints them passes them through `printable`.
 */

export const SEVERITIES = ["critical", "high", "medium", "low", "info"] as const;
export type Severity = (typeof SEVERITIES)[number];

/**
 * `finding`: it is so. `blocked`: the weakness is there, and something named stops it. `unknown`: it could not be read, which is never a pass.
 * `not-applicable`: the question does not arise here.
 */
export const VERDICTS = ["finding", "unknown", "blocked", "pass", "not-applicable"] as const;
export type Verdict = (typeof VERDICTS)[number];

/** One thing that was looked at: a path or a call, and what was there; `errno` where it could not be read. */
export interface Evidence {
  readonly source: string;
  readonly value: string;
  readonly errno?: string;
}

/** What to write, to be copied; absent where an engine has no word for it. `host` is a command or a setting of the host. */
export interface Remedy {
  readonly text: string;
  readonly docker?: string;
  readonly podman?: string;
  readonly compose?: string;
  readonly kubernetes?: string;
  readonly host?: string;
}

/** The areas of the catalogue: hazards first, then measures. Ids of checks begin with the letter. */
export const AREAS = {
  L: { kind: "hazard", title: "Information leaks" },
  P: { kind: "hazard", title: "Privileges, mounts, devices, descriptors" },
  K: { kind: "hazard", title: "Kernel vulnerabilities and reachable surface" },
  G: { kind: "hazard", title: "Cgroups and limits" },
  S: { kind: "hazard", title: "The shared kernel" },
  V: { kind: "measure", title: "No privileged containers" },
  C: { kind: "measure", title: "Few capabilities" },
  Q: { kind: "measure", title: "Seccomp and security modules" },
  U: { kind: "measure", title: "Engine and its updates" },
  I: { kind: "measure", title: "What the image brings" },
  N: { kind: "measure", title: "Restricted network" },
  O: { kind: "measure", title: "Watched behaviour" },
} as const;
export type Area = keyof typeof AREAS;

/** What is constant about a check. */
export interface CheckInfo {
  /** Letter of the area and two digits; stable, never used again. */
  readonly id: string;
  /** Kebab-case; the name of its file and of its page in docs/checks. */
  readonly name: string;
  /** What is wrong where it finds something, as a sentence without a full stop. */
  readonly title: string;
  readonly severity: Severity;
  /** Why it matters, in a few sentences. */
  readonly why: string;
  /** `CIS 5.4`, `PSS baseline`, `T1611`, `CVE-2024-21626`. */
  readonly references: readonly string[];
  readonly remedy: Remedy;
}

/** What a check was asked of: a container, or the host (id `host`). */
export interface Subject {
  readonly id: string;
  readonly name: string | null;
  readonly engine: string;
  readonly initPid: number | null;
}

export const HOST: Subject = { id: "host", name: null, engine: "host", initPid: null };

/** A check's own answer. */
export interface Answer {
  readonly verdict: Verdict;
  /** What was found, in one line without a full stop; for `unknown` why it could not be told, for `blocked` what stops it. */
  readonly text: string;
  readonly evidence: readonly Evidence[];
  /** Where this case is graver or lighter than the check in general. */
  readonly severity?: Severity;
  /** For `blocked`: the name of what stops it, such as `seccomp`. */
  readonly by?: string;
}

/** Somebody took the risk of a finding, for a time. */
export interface Waiver {
  readonly reason: string;
  readonly owner: string;
  /** Last day on which it holds, as YYYY-MM-DD. */
  readonly expires: string;
}

export interface Result extends Answer {
  readonly check: string;
  readonly subject: Subject;
  readonly severity: Severity;
  /** The finding is known and taken; it fails no run. */
  readonly waived?: Waiver;
  /** Whether a baseline has it already; absent without one. */
  readonly known?: boolean;
}

/** What stays of a result from one run to the next: not PIDs, inodes and other long numbers. The same for equal containers of one name. */
export function fingerprint({ check, subject, text }: Result): string {
  const who = subject.name ?? (subject.id === HOST.id ? HOST.id : subject.engine);
  return `${check}/${who}/${text.replaceAll(/[0-9a-f]{12,64}|[0-9]{3,}/g, "N")}`;
}

/** A finding that counts: nobody took it, and it is new where there is a baseline. */
export function isOpen({ verdict, waived, known }: Result): boolean {
  return verdict === "finding" && waived === undefined && known !== true;
}

/** The results of one look at a host. */
export interface AuditReport {
  /** Milliseconds since the epoch at which the facts were taken. */
  readonly taken: number;
  readonly version: string;
  readonly kernel: string;
  readonly checks: readonly CheckInfo[];
  readonly subjects: readonly Subject[];
  readonly results: readonly Result[];
  /** The vulnerabilities that kernels and engines were compared with: the day of the newest, and its age in days. */
  readonly data: { readonly date: string; readonly days: number; readonly stale: boolean };
  /** Why the picture may be incomplete, as sentences. */
  readonly limits: readonly string[];
}

/** How grave `severity` is: 0 is the worst. */
export function severityRank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

/** Worst first: by verdict, then severity, then the check's id. */
export function byUrgency(a: Result, b: Result): number {
  const byId = a.check < b.check ? -1 : a.check > b.check ? 1 : 0;
  return VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict) || severityRank(a.severity) - severityRank(b.severity) || byId;
}

/** Each subject with its results, in the order of the report. */
export function bySubject({ subjects, results }: AuditReport): readonly { readonly subject: Subject; readonly results: readonly Result[] }[] {
  const groups = Map.groupBy(results, ({ subject }) => subject.id);
  return subjects.map((subject) => ({ subject, results: groups.get(subject.id) ?? [] }));
}

export function countVerdicts(results: readonly Result[]): Readonly<Record<Verdict, number>> {
  const counts = { "finding": 0, "unknown": 0, "blocked": 0, "pass": 0, "not-applicable": 0 };
  for (const { verdict } of results) counts[verdict]++;
  return counts;
}
