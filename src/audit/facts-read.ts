/** Takes the facts of this host for a set of checks. */
import type { Survey } from "../engine/discover-survey.ts";
import type { Container } from "../engine/discover.ts";
import type { Check } from "./check.ts";
import type { AuditFacts } from "./facts.ts";
import { containerReader } from "./facts-container.ts";
import { mergeReads, readHost } from "./facts-host.ts";

export interface AuditScope {
  readonly checks: readonly Check[];
  readonly containers: readonly Container[];
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export function readAuditFacts(view: Survey, { checks, containers, version, now }: AuditScope): AuditFacts {
  const reads = mergeReads(checks.map((check) => check.reads ?? {}));
  const host = readHost(reads, view.facts.host, view.facts.processes);
  const read = containerReader(host, reads.inside);
  const running = containers.filter((container) => container.initPid !== null);
  return { taken: now, version, host, containers: running.map(read), limits: view.facts.limits };
}
