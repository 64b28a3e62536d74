/** One file of a cgroup to write, and what the limits of v1 and v2 have in common. Pure. */
import type { BlockIo, Integer64, LinuxResources, ThrottleDevice } from "../spec/runtime-config.ts";

/** One file to write. `from` is the config field. */
export interface Limit {
  readonly controller: string;
  readonly file: string;
  readonly value: string;
  readonly from: string;
  /** What to write where the kernel does not have `file`, which depends on its block I/O scheduler. */
  readonly otherwise?: { readonly file: string; readonly value: string };
  /** No kernel has such a file in this version of cgroups, or this host has not. */
  readonly absent?: true;
}

/** Facts about the host, and what the limits are for. */
export interface LimitOptions {
  readonly swapAccounting: boolean;
  /** The cgroup has limits already: what the kernel does by default must be written, too. */
  readonly update?: boolean;
}

export const at = (name: string): string => `/linux/resources/${name}`;

/** What Go programs write for "not set" is not set. */
export function given<T extends Integer64>(value: T | undefined): value is T {
  return value !== undefined && value !== 0 && value !== 0n;
}

/** Decimal, or `max` for no limit. */
export function limitText(value: Integer64): string {
  return value < 0 ? "max" : String(value);
}

type ThrottleField = "throttleReadBpsDevice" | "throttleWriteBpsDevice" | "throttleReadIOPSDevice" | "throttleWriteIOPSDevice";

/** All throttles with v1's and v2's names of what they limit. */
export const THROTTLES: readonly (readonly [field: ThrottleField, v1: string, v2: string])[] = [
  ["throttleReadBpsDevice", "read_bps_device", "rbps"], ["throttleWriteBpsDevice", "write_bps_device", "wbps"],
  ["throttleReadIOPSDevice", "read_iops_device", "riops"], ["throttleWriteIOPSDevice", "write_iops_device", "wiops"],
];

/** Calls `each` for every throttled device with its config pointer below /linux/resources. */
export function eachThrottle(blockIO: BlockIo | undefined, each: (device: ThrottleDevice, from: string, v1: string, v2: string) => void): void {
  for (const [field, v1, v2] of THROTTLES) blockIO?.[field]?.forEach((device, i) => each(device, `blockIO/${field}/${i}`, v1, v2));
}

/** Values of rdma.max, which v1 and v2 share: `DEVICE hca_handle=N hca_object=N`. */
export function rdmaLimits(rdma: LinuxResources["rdma"]): Limit[] {
  return Object.entries(rdma ?? {}).map(([device, { hcaHandles, hcaObjects }]) => {
    const words = [device, ...(hcaHandles === undefined ? [] : [`hca_handle=${hcaHandles}`]), ...(hcaObjects === undefined ? [] : [`hca_object=${hcaObjects}`])];
    return { controller: "rdma", file: "rdma.max", value: words.join(" "), from: at(`rdma/${device}`) };
  });
}

/** Limits of huge pages in use and of those reserved by mmap(2), which would else count when they are touched only. */
export function hugepageLimits(resources: LinuxResources, file: (size: string, kind: string) => string): Limit[] {
  return (resources.hugepageLimits ?? []).flatMap(({ pageSize, limit }, i) =>
    ["", "rsvd."].map((kind) => ({ controller: "hugetlb", file: file(pageSize, kind), value: String(limit), from: at(`hugepageLimits/${i}`) })));
}
