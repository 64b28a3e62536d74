/**
 * Where on this host a container's cgroups are, and which limits go where. Pure.
 *
 * A limit that no hierarchy of the host can hold is an error that names controller and file, never silence.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import type { LinuxResources } from "../spec/runtime-config.ts";
import type { Blueprint } from "./blueprint.ts";
import { containerDevices } from "./cgroup-devices.ts";
import { at } from "./cgroup-limit.ts";
import type { Limit } from "./cgroup-limit.ts";
import { limitsOf, unifiedHolds } from "./cgroup-limits.ts";
import type { CgroupHierarchy, HostFacts } from "./host-facts.ts";

/** What to do on this host: the hierarchies that take part, and the files to write in each. */
export interface CgroupPlacement {
  readonly hierarchy: CgroupHierarchy;
  readonly limits: readonly Limit[];
}

export interface PlacementOptions {
  /** `--allow-degraded=cgroups`: limits without a place are left out. */
  readonly degraded?: boolean;
  /** Every hierarchy takes part, as with runc: whoever has the container wants to pause it, count it and change its limits later. */
  readonly every?: boolean;
  /** So do, of v1, those for pausing and counting. */
  readonly managed?: boolean;
  /** Nothing of the container is swapped out, where there is no other word about swap and the host can do that. */
  readonly swapless?: boolean;
  /** Device rules need a place: the v1 controller, or else any v2 cgroup. */
  readonly devices?: boolean;
}

/** Controllers whose v1 cgroup a container gets even without a limit, so that it can be counted, frozen and found. */
const ALWAYS_V1 = ["pids", "memory", "cpu"];
const MANAGED_V1 = ["freezer", "cpuacct"];

function holds({ version, controllers }: CgroupHierarchy, limit: Limit): boolean {
  return version === 2 ? unifiedHolds(controllers, limit) : limit.absent !== true && controllers.includes(limit.controller);
}

function homelessError(homeless: readonly Limit[], privileged: boolean): PidboxError {
  const [first] = homeless;
  const controllers = homeless.map((l) => l.controller).filter((n, i, a) => a.indexOf(n) === i).join(", ");
  return new PidboxError(
    "HOST_UNSUPPORTED",
    `Cannot limit ${controllers}: no cgroup of this host that the caller may write has the file ${first?.file}`,
    {
      hint: privileged
        ? "Mount the controller, or start without this limit: --allow-degraded=cgroups"
        : "Run under `systemd-run --user --scope -p Delegate=yes`, or accept a container without limits: --allow-degraded=cgroups",
      context: { feature: "cgroups", ...(first === undefined ? {} : { from: first.from }) },
    },
  );
}

/** Rules of a config that nothing on the host can hold. */
const DEVICES: Limit = { controller: "devices", file: "devices.list", value: "", from: "/linux/resources/devices" };

/** What holds device rules: the v1 controller if it is there; a program otherwise, also in the v2 part of a hybrid host. */
export function devicePlacement<T extends { readonly hierarchy: CgroupHierarchy }>(placements: readonly T[]): T | undefined {
  return placements.find(({ hierarchy }) => hierarchy.controllers.includes("devices")) ?? placements.find(({ hierarchy }) => hierarchy.version === 2);
}

type PlacementFacts = Pick<HostFacts, "cgroups" | "swapAccounting" | "privileged">;

/** What keeps a container out of swap that has no limit of memory to count it with: v1 has no limit of swap alone. Absent where the host has nothing for it. */
function noSwap({ cgroups, swapAccounting }: PlacementFacts): Limit[] {
  const version = cgroups.find(({ controllers }) => controllers.includes("memory"))?.version;
  const file = version === 1 ? "memory.swappiness" : version === 2 && swapAccounting ? "memory.swap.max" : undefined;
  return file === undefined ? [] : [{ controller: "memory", file, value: "0", from: at("memory/swap") }];
}

/** Pairs limits with the host's hierarchies; HOST_UNSUPPORTED for a limit that none of them can hold, unless degraded. */
export function placeLimits(resources: LinuxResources, facts: PlacementFacts, options: PlacementOptions): CgroupPlacement[] {
  const legacy = facts.cgroups.some((h) => h.version === 1);
  const unified = facts.cgroups.find((h) => h.version === 2)?.controllers;
  const { swap, swappiness } = resources.memory ?? {};
  const all = [
    ...limitsOf(resources, { legacy, ...(unified === undefined ? {} : { unified }) }, { swapAccounting: facts.swapAccounting }),
    ...(options.swapless === true && swap === undefined && swappiness === undefined ? noSwap(facts) : []),
  ];
  const devices = options.devices === true ? devicePlacement(facts.cgroups.map((hierarchy) => ({ hierarchy })))?.hierarchy : undefined;
  const wanted = options.managed === true ? [...ALWAYS_V1, ...MANAGED_V1] : ALWAYS_V1;
  const placements: CgroupPlacement[] = [];
  for (const hierarchy of facts.cgroups) {
    const limits = all.filter((limit) => holds(hierarchy, limit));
    const always = hierarchy.version === 2 ? !legacy : hierarchy.controllers.some((name) => wanted.includes(name));
    if (limits.length > 0 || always || options.every === true || hierarchy === devices) placements.push({ hierarchy, limits });
  }
  const homeless = all.filter((limit) => !placements.some(({ limits }) => limits.includes(limit)));
  if (options.devices === true && devices === undefined && (resources.devices ?? []).length > 0) homeless.push(DEVICES);
  if (homeless.length > 0 && options.degraded !== true) throw homelessError(homeless, facts.privileged);
  return placements;
}

/** The placements of a container. Throws HOST_UNSUPPORTED, CONFIG_INVALID. */
export function placementsOf(blueprint: Blueprint, facts: HostFacts): CgroupPlacement[] {
  const options = {
    degraded: blueprint.degraded.includes("cgroups"), every: blueprint.runtime !== undefined, managed: blueprint.managed === true,
    swapless: blueprint.runtime === undefined,
    devices: containerDevices(blueprint, facts) !== undefined,
  };
  return placeLimits(blueprint.config.linux?.resources ?? {}, facts, options);
}

export interface CgroupPath {
  /** Below the mount of each hierarchy; otherwise below the cgroup where pidbox may make its own (config-linux.md, "Cgroups Path"). */
  readonly absolute: boolean;
  readonly parts: readonly string[];
}

/** `cgroupsPath`, or `pidbox/ID`. Throws CONFIG_INVALID for a path that is not below the hierarchies. */
export function cgroupPath(blueprint: Blueprint): CgroupPath {
  const path = blueprint.runtime?.scope?.path ?? blueprint.config.linux?.cgroupsPath ?? `pidbox/${blueprint.id}`;
  const parts = path.split("/").filter((part) => part !== "");
  if (parts.length > 0 && !parts.includes("..") && !parts.includes(".")) return { absolute: path.startsWith("/"), parts };
  throw new PidboxError("CONFIG_INVALID", `Cannot make a cgroup at ${quote(path)}: it is not a path below the hierarchies`, { context: { from: "/linux/cgroupsPath" } });
}

/** The directory from which on the parts of `path` are made. */
export function cgroupBase(hierarchy: CgroupHierarchy, path: CgroupPath): string {
  return path.absolute ? hierarchy.mountPoint : hierarchy.directory;
}

/** The directories of a container's cgroups, one in each hierarchy. Throws as placementsOf and cgroupPath do. */
export function cgroupDirectories(blueprint: Blueprint, facts: HostFacts): string[] {
  const path = cgroupPath(blueprint);
  return placementsOf(blueprint, facts).map(({ hierarchy }) => [cgroupBase(hierarchy, path), ...path.parts].join("/"));
}
