/** A check: what is constant about it, and one pure function from facts to answers. */
import { errnoName } from "../kernel/abi/errno.ts";
import type { Answer, CheckInfo, Evidence } from "../report/finding.ts";
import type { AuditFacts, ContainerFacts } from "./facts.ts";

/** What a check looks at beside what is always read. */
export interface Reads {
  /** Text files of the host. */
  readonly files?: readonly string[];
  /** Directories of the host all of whose files are read. */
  readonly filesOf?: readonly string[];
  /** Paths of the host of which mode and owner count. */
  readonly paths?: readonly string[];
  /** Directories of the host of which the names count. */
  readonly directories?: readonly string[];
  /** Paths in containers. */
  readonly inside?: readonly string[];
}

/** Asked of every container. More than one answer: one for each thing that is wrong. */
export interface ContainerCheck extends CheckInfo {
  readonly scope: "container";
  readonly reads?: Reads;
  readonly evaluate: (container: ContainerFacts, facts: AuditFacts) => Answer | readonly Answer[];
}

/** Asked once, of the host. */
export interface HostCheck extends CheckInfo {
  readonly scope: "host";
  readonly reads?: Reads;
  readonly evaluate: (facts: AuditFacts) => Answer | readonly Answer[];
}

export type Check = ContainerCheck | HostCheck;

export const pass = (text: string, ...evidence: readonly Evidence[]): Answer => ({ verdict: "pass", text, evidence });
export const finding = (text: string, ...evidence: readonly Evidence[]): Answer => ({ verdict: "finding", text, evidence });
export const unknown = (text: string, ...evidence: readonly Evidence[]): Answer => ({ verdict: "unknown", text, evidence });
export const inapplicable = (text: string, ...evidence: readonly Evidence[]): Answer => ({ verdict: "not-applicable", text, evidence });
export const blocked = (by: string, text: string, ...evidence: readonly Evidence[]): Answer => ({ verdict: "blocked", by, text, evidence });

/** What was read at `source`: a value, or -errno. */
export function evidenceOf(source: string, value: string | number): Evidence {
  return typeof value === "number" ? { source, value: "", errno: errnoName(value) } : { source, value };
}

/** The same for numbers that are no errors. */
export function saw(source: string, value: string | number | bigint): Evidence {
  return { source, value: String(value) };
}
