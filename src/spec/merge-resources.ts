/** What a container's resources are after an update. Pure. */
import type { HugepageLimit, LinuxResources } from "./runtime-config.ts";

function group<T extends object>(current: T | undefined, change: T | undefined): T | undefined {
  return current === undefined || change === undefined ? (change ?? current) : { ...current, ...change };
}

function pages(current: readonly HugepageLimit[] = [], change: readonly HugepageLimit[] = []): readonly HugepageLimit[] | undefined {
  const merged = new Map([...current, ...change].map((limit) => [limit.pageSize, limit]));
  return merged.size === 0 ? undefined : [...merged.values()];
}

/** `current` with every field that `change` has. Lists of devices replace the old ones; limits of huge pages are by page size. */
export function mergeResources(current: LinuxResources, change: LinuxResources): LinuxResources {
  const merged = {
    devices: change.devices === undefined || change.devices.length === 0 ? current.devices : change.devices,
    memory: group(current.memory, change.memory),
    cpu: group(current.cpu, change.cpu),
    pids: group(current.pids, change.pids),
    blockIO: group(current.blockIO, change.blockIO),
    hugepageLimits: pages(current.hugepageLimits, change.hugepageLimits),
    network: group(current.network, change.network),
    rdma: group(current.rdma, change.rdma),
    unified: group(current.unified, change.unified),
  };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
}

/** `change` and those fields of `merged` that the kernel takes in one file with it, or in an order with it. */
export function withCompanions(merged: LinuxResources, change: LinuxResources): LinuxResources {
  const { cpu, memory } = change;
  const bandwidth = cpu?.quota !== undefined || cpu?.period !== undefined;
  const amount = memory?.limit !== undefined || memory?.swap !== undefined;
  const pick = <T extends object>(value: T | undefined, names: readonly (keyof T)[]): Partial<T> =>
    Object.fromEntries(names.flatMap((name) => (value?.[name] === undefined ? [] : [[name, value[name]]]))) as Partial<T>;
  return {
    ...change,
    ...(bandwidth ? { cpu: { ...cpu, ...pick(merged.cpu, ["quota", "period"]) } } : {}),
    ...(amount ? { memory: { ...memory, ...pick(merged.memory, ["limit", "swap"]) } } : {}),
  };
}
