/** What the compiler may know about the host, as plain data that engine/host.ts reads. Same facts and same blueprint give the same plan. Pure. */
import type { IdMapping } from "../spec/runtime-config.ts";

/** A cgroup hierarchy in which a container gets a directory of its own. */
export interface CgroupHierarchy {
  readonly version: 1 | 2;
  /** v1: the controllers mounted together, or `name=X`; v2: those that the parent may hand down. */
  readonly controllers: readonly string[];
  /** Where the hierarchy is mounted. */
  readonly mountPoint: string;
  /** Directory of the cgroup below which pidbox makes its own: the mount point plus the path of the caller's cgroup (v1), or of the mount (v2). */
  readonly directory: string;
  /** Name of the mount below /sys/fs/cgroup, for the container's own view. */
  readonly name: string;
  /** v2 only: the controllers in cgroup.subtree_control of the directories on the way to the container's. */
  readonly handedDown?: Readonly<Record<string, readonly string[]>>;
  /** v2 only: the supervisor is alone in `directory`, and has to move to this leaf of it first. */
  readonly leaf?: string;
}

export interface HostFacts {
  readonly kernel: readonly [major: number, minor: number];
  readonly landlockAbi: number;
  readonly apparmor: boolean;
  readonly selinux: boolean;
  readonly timeNamespace: boolean;
  readonly overlayInUserNamespace: boolean;
  readonly overlayIdmappedLayers: boolean;
  readonly tmpfsUserXattr: boolean;
  readonly procMountOptions: boolean;
  /** Something is mounted over parts of the host's /proc, as in a container: the kernel then refuses a fresh one in a user namespace. */
  readonly procMasked: boolean;
  /** The same for /sys. */
  readonly sysMasked: boolean;
  /** Real root of the initial user namespace with CAP_SYS_ADMIN: id ranges, idmapped mounts and device nodes are possible. */
  readonly privileged: boolean;
  readonly uid: number;
  readonly gid: number;
  /** Highest capability that the kernel knows (cap_last_cap). */
  readonly lastCapability: number;
  readonly cgroups: readonly CgroupHierarchy[];
  /** Files of a v2 cgroup that whoever it is delegated to may own (/sys/kernel/cgroup/delegate); absent: not read. */
  readonly delegatedFiles?: readonly string[];
  /** swap is accounted: memory.memsw.limit_in_bytes exists (v1); the kernel has swap (v2). */
  readonly swapAccounting: boolean;
}

/** How the id maps of a new user namespace get written. */
export type IdMapWriter =
  /** `groupsDenied`: the outer user namespace denies setgroups(2), and with it this one. */
  | { readonly kind: "direct"; readonly groupsDenied?: boolean }
  /** One id, by the namespace's owner; setgroups(2) is denied. */
  | { readonly kind: "self" }
  /** newuidmap(1) and newgidmap(1), at these paths. */
  | { readonly kind: "helper"; readonly uidmap: string; readonly gidmap: string };

export interface UserMapping {
  readonly uid: readonly IdMapping[];
  readonly gid: readonly IdMapping[];
  readonly writer: IdMapWriter;
}
