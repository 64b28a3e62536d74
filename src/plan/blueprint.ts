/** All that the compiler needs to know about one container: the OCI config, and what OCI has no words for. Pure data. */
import type { Config } from "../spec/runtime-config.ts";
import type { UserMapping } from "./host-facts.ts";
import type { NetAddress } from "./netlink.ts";
import type { PublishedPort } from "../spec/publish.ts";

/** One top-level entry of a root that is put together from read-only binds. */
export type AssembledEntry = { readonly kind: "bind"; readonly path: string } | { readonly kind: "link"; readonly path: string; readonly target: string };

export type Rootfs =
  /** `source` as the lower layer. Changes are in memory and gone at the end, or in `upper` and `work` of the directory `layer`. */
  | {
      readonly kind: "overlay"; readonly source: string;
      /** Paths of `source` that are not there in the container: their directories are root's, with mode 755. */
      readonly hidden?: readonly string[];
      readonly layer?: string;
    }
  /** The directory itself. */
  | { readonly kind: "bind"; readonly source: string }
  /** An empty tmpfs with read-only binds of host directories, where overlay is not possible. */
  | { readonly kind: "assembled"; readonly entries: readonly AssembledEntry[] };

/** Standard input, output and error of the main child. `pipes` are the supervisor's, `nothing` is the container's /dev/null for all three. */
export type Stdio = { readonly kind: "inherit" | "no-input" | "nothing" | "pipes" } | { readonly kind: "terminal"; readonly input: boolean };

/** A container that goes on without its caller: its supervisor writes a log and serves clients. */
export interface Keeping {
  /** Standard input: none, open for every client, or open until one of them has no more. */
  readonly input: "none" | "open" | "once";
  /** Absent: what is written is shown to clients only. */
  readonly log?: LogFiles;
}

export interface LogFiles {
  readonly format: "json" | "cri";
  readonly directory: string;
  /** In `directory`: the file that is written, then what it becomes when it is full, and so on. */
  readonly names: readonly string[];
  /** Bytes; absent: it is never full. */
  readonly maxSize?: number;
}

/** A seccomp filter that was compiled already, with the name that messages use. */
export interface SeccompFilter {
  readonly name: string;
  readonly filter: Uint8Array;
  /** SECCOMP_FILTER_FLAG bits. */
  readonly flags?: number;
  /** Socket of the program that answers calls with SCMP_ACT_NOTIFY. */
  readonly listener?: { readonly path: string; readonly metadata?: string };
}

/** A container of pidbox-oci, or a process in one. Absent for containers of `do` and `run`. */
export interface RuntimeFrame {
  /** State directory of a new container, ROOT/ID (engine/runtime-store.ts); absent for a process that joins one. */
  readonly directory?: string;
  /** `create`: the first process waits for `start`. Otherwise it goes on at once. */
  readonly waits: boolean;
  /** The supervisor goes once the first process is ready. Otherwise it waits for its end and removes the container. */
  readonly leaves: boolean;
  readonly pidFile?: string;
  /** Path of the socket that gets the terminal's master. */
  readonly consoleSocket?: string;
  /** Path of the socket that gets a pidfd of the process. */
  readonly pidfdSocket?: string;
  /** The state document that hooks get (runtime.md, "State"), without pid and status. */
  readonly document: Readonly<Record<string, unknown>>;
  /** Descriptors 3 to 2 + preserved are the caller's and go to the program. */
  readonly preserved: number;
  /** Mounts are made in the caller's mount namespace tree without pivot_root(2), as on a root file system in RAM. */
  readonly noPivot: boolean;
  readonly newKeyring: boolean;
  /** The transient scope that systemd made: its path below the mount of each hierarchy, and the process that holds it until the container is there. */
  readonly scope?: { readonly path: string; readonly holder: number };
  /** Words of the command that explains a failure: which, and where errors are logged. */
  readonly failure: readonly string[];
}

/** An interface of the host that goes into the container, as it was when the blueprint was made. */
export interface NetDevice {
  readonly hostName: string;
  /** Its name in the container. */
  readonly name: string;
  readonly index: number;
  /** It loses them on the way. */
  readonly addresses: readonly NetAddress[];
}

/** Lines of the journal of events (spec/event.ts) that the supervisor writes to `path`: their heads, and the tail that they have in common. */
export interface JournalLines {
  readonly path: string;
  readonly tail: string;
  readonly started: string;
  readonly ended: string;
  /** Absent: it is not the plan that removes the container. */
  readonly removed?: string;
}

export interface Blueprint {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly config: Config;
  readonly rootfs: Rootfs;
  /** Absent where the user namespace is the host's or a joined one. */
  readonly mapping?: UserMapping;
  /** Files of the host are shown with the container's ids (id-mapped mounts). Otherwise only where a mount of the config says so. */
  readonly idmapped: boolean;
  readonly init: boolean;
  readonly stdio: Stdio;
  /** Absent: no filter (`--unsafe=seccomp`). */
  readonly seccomp?: SeccompFilter;
  readonly landlock: boolean;
  /** Later commands pause and count it, so it is also in the v1 hierarchies that they need. v2 has all in one. */
  readonly managed?: boolean;
  /** A second SIGINT kills the container. */
  readonly interruptTwice: boolean;
  /** What SIGTERM to the supervisor is passed on as, and seconds from then to SIGKILL. Absent: as it is, and never. */
  readonly stop?: { readonly signal?: number; readonly timeout?: number };
  readonly state: StateFiles;
  /** Gets the PID of the first process once the program runs. Absolute. */
  readonly pidFile?: string;
  /** Absent: the caller waits for the container. */
  readonly keeping?: Keeping;
  readonly runtime?: RuntimeFrame;
  /** Absent: nobody is told. */
  readonly events?: JournalLines;
  readonly netDevices?: readonly NetDevice[];
  /** Ports of its own network namespace that the host can reach. */
  readonly published?: readonly PublishedPort[];
  /** The pidbox binary that explains a failure or an end. */
  readonly executable: string;
  /** Name of the container's processes on the host: argv[1] of the supervisor. */
  readonly title: string;
  readonly unsafe: readonly string[];
  readonly degraded: readonly string[];
}

/** Files of the container on the host. The plan removes them at the end unless `keep`. */
export interface StateFiles {
  readonly directory: string;
  /** In `directory`. */
  readonly files: readonly string[];
  /** Absolute paths of links that reserve a name or an id range. `reservations` go at the end in any case. */
  readonly names: readonly string[];
  readonly reservations: readonly string[];
  readonly keep: boolean;
  /** What becomes of the container after a failed start, by pidbox and not by the plan: it is kept with its error, or removed with what it has on disk. */
  readonly failed?: "keep" | "remove";
}
