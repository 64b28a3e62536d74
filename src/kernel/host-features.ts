/**
 * The few facts about the host that the plan compiler needs at every start.
 *
 * Cheap on purpose: one uname, one Landlock query, four path look-ups; nothing is cached, for a policy may change between two starts.
 * `doctor` (features.ts) asks in depth; here a version stands for the feature where a wrong answer would only make an op fail.
 */
import { SYSCALLS } from "./abi/host.ts";
import { address, syscall } from "./ffi.ts";
import { readText, stat } from "./file.ts";
import { isAtLeast, parseKernelRelease } from "./release.ts";
import type { KernelRelease, KernelVersion } from "./release.ts";

export interface HostFeatures {
  readonly kernel: KernelVersion;
  /** uname -r. */
  readonly release: string;
  /** Landlock ABI version, or 0 where it is absent or disabled. */
  readonly landlockAbi: number;
  readonly apparmor: boolean;
  /** SELinux is loaded with a policy, enforcing or not. */
  readonly selinux: boolean;
  readonly timeNamespace: boolean;
  /** vm.memfd_noexec: 0 executable by default, 1 only with MFD_EXEC, 2 never; 0 on kernels before 6.3. */
  readonly memfdNoexec: 0 | 1 | 2;
  /** overlay may be mounted in a user namespace (5.11). */
  readonly overlayInUserNamespace: boolean;
  /** overlay accepts idmapped layers (5.19). */
  readonly overlayIdmappedLayers: boolean;
  /** tmpfs keeps user.* attributes, which overlay in a user namespace needs for its upper layer (6.6). */
  readonly tmpfsUserXattr: boolean;
  /** proc takes subset= and hidepid= per mount (5.8). */
  readonly procMountOptions: boolean;
  /** proc takes pidns= (6.18). */
  readonly procPidns: boolean;
  /** clone3 takes CLONE_INTO_CGROUP (5.7). */
  readonly cloneIntoCgroup: boolean;
  /** cgroup.kill (5.14). */
  readonly cgroupKill: boolean;
  /** F_SEAL_EXEC, MFD_EXEC and MFD_NOEXEC_SEAL (6.3). */
  readonly sealExec: boolean;
}

/** What readHostFeatures measures; everything else follows from the release. */
export type MeasuredFeatures = Pick<HostFeatures, "landlockAbi" | "apparmor" | "selinux" | "timeNamespace" | "memfdNoexec">;

/** The features of a host with this release, by the version that brought them. Pure. */
export function hostFeatures(release: KernelRelease, measured: MeasuredFeatures): HostFeatures {
  return {
    ...measured,
    kernel: [release.major, release.minor],
    release: release.text,
    overlayInUserNamespace: isAtLeast(release, [5, 11]),
    overlayIdmappedLayers: isAtLeast(release, [5, 19]),
    tmpfsUserXattr: isAtLeast(release, [6, 6]),
    procMountOptions: isAtLeast(release, [5, 8]),
    procPidns: isAtLeast(release, [6, 18]),
    cloneIntoCgroup: isAtLeast(release, [5, 7]),
    cgroupKill: isAtLeast(release, [5, 14]),
    sealExec: isAtLeast(release, [6, 3]),
  };
}

// struct new_utsname: six fields of 65 bytes; release is the third.
const UTS_FIELD = 65;

/** uname -r by system call: /proc may be masked. */
export function readKernelRelease(): KernelRelease {
  const buffer = new Uint8Array(UTS_FIELD * 6);
  syscall(SYSCALLS.uname, address(buffer));
  const field = buffer.subarray(2 * UTS_FIELD, 3 * UTS_FIELD);
  return parseKernelRelease(new TextDecoder().decode(field.subarray(0, field.indexOf(0))));
}

const LANDLOCK_CREATE_RULESET_VERSION = 1;

/** The Landlock ABI version, or -errno: -38 not built in, -95 disabled at boot (landlock_create_ruleset(2)). */
export function readLandlockAbi(): number {
  return syscall(SYSCALLS.landlock_create_ruleset, 0, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/** Reads the host. Throws PARSE if the kernel's release is no version. */
export function readHostFeatures(): HostFeatures {
  const apparmor = readText("/sys/module/apparmor/parameters/enabled", 16);
  const noexec = readText("/proc/sys/vm/memfd_noexec", 16);
  const landlock = readLandlockAbi();
  return hostFeatures(readKernelRelease(), {
    landlockAbi: landlock < 0 ? 0 : landlock,
    apparmor: typeof apparmor === "string" && apparmor.startsWith("Y"),
    selinux: typeof stat("/sys/fs/selinux/enforce") !== "number",
    timeNamespace: typeof stat("/proc/self/ns/time") !== "number",
    memfdNoexec: noexec === "2\n" ? 2 : noexec === "1\n" ? 1 : 0,
  });
}
