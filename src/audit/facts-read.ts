/** Takes the facts of this host for a set of checks. */
import type { Survey } from "../engine/discover-survey.ts";
import type { Container } from "../engine/discover.ts";
import { releaseSeized } from "../kernel/ptrace.ts";
import type { Check } from "./check.ts";
import type { AuditFacts } from "./facts.ts";
import type { CveData } from "./cve/data.ts";
import { containerReader } from "./facts-container.ts";
import type { FilterOptions } from "./facts-filter.ts";
import { mergeReads, readHost } from "./facts-host.ts";

export interface AuditScope {
  readonly checks: readonly Check[];
  readonly containers: readonly Container[];
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly cves: CveData;
  readonly filters: FilterOptions;
}

/** A process that was to be stopped for a moment and is stuck is let go when this process ends, if not before. */
function releaseLimit(): string[] {
  const stuck = releaseSeized();
  return stuck === 0 ? [] : [`${stuck} processes did not stop in time for their seccomp filter: they are let go when pidbox ends.`];
}

export function readAuditFacts(view: Survey, { checks, containers, version, now, cves, filters }: AuditScope): AuditFacts {
  const reads = mergeReads(checks.map((check) => check.reads ?? {}));
  const host = readHost(reads, view);
  const read = containerReader(host, reads.inside, filters);
  const running = containers.filter((container) => container.initPid !== null);
  return { taken: now, version, host, containers: running.map(read), cves, limits: [...view.facts.limits, ...releaseLimit()] };
}
