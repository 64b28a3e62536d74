/** What finding containers needs to know of the host, as plain data: `discover` is a function of this alone. */
import type { NamespaceInodes } from "../kernel/namespaces.ts";
import type { ProcessDetail, ProcessSummary } from "../kernel/process-list.ts";

export interface ProcessFacts {
  /** The namespaces that count as the host's: those of PID 1 where readable, else the caller's own. A type the kernel lacks is absent. */
  readonly host: NamespaceInodes;
  /** Seconds since the epoch at which the machine booted (btime). */
  readonly bootTime: number;
  /** Seconds since boot. */
  readonly uptime: number;
  readonly processes: readonly ProcessSummary[];
  /** The root mount of a mount namespace, as `MAJOR:MINOR ROOT`, by inode: the host's, and those of processes that share its PID namespace. */
  readonly roots: ReadonlyMap<number, string>;
  /** Details of the first process of each group. */
  readonly details: ReadonlyMap<number, ProcessDetail>;
  /** Arguments of the parents of those. */
  readonly commands: ReadonlyMap<number, readonly string[]>;
  /** Why the picture may be incomplete, as sentences; empty when it is whole. */
  readonly limits: readonly string[];
}
