/** The config.json that cases start from, and how they change it. */

/** A config or part of one, as loose as JSON: cases write what the specification forbids too. */
export interface Patch {
  readonly [name: string]: unknown;
}

function isObject(value: unknown): value is Patch {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `base` with `patch` on top: objects are merged, everything else is replaced, undefined removes. */
export function merge(base: Patch, patch: Patch): Patch {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined) delete merged[name];
    else merged[name] = isObject(value) && isObject(merged[name]) ? merge(merged[name], value) : value;
  }
  return merged;
}

export const PROC: Patch = { destination: "/proc", type: "proc", source: "proc" };
export const DEV: Patch = { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] };
export const DEVPTS: Patch = {
  destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
};
export const MOUNTS: readonly Patch[] = [PROC, DEV, DEVPTS];

/** The mounts of the base and more after them. */
export function mounted(...more: readonly Patch[]): Patch {
  return { mounts: [...MOUNTS, ...more] };
}

const NAMESPACES = ["pid", "mount", "ipc", "uts"] as const;

/** The namespaces of the base, but for `without`, and more. */
export function namespaces(without: readonly string[], ...more: readonly Patch[]): Patch {
  const kept = NAMESPACES.filter((type) => !without.includes(type)).map((type) => ({ type }));
  return { linux: { namespaces: [...kept, ...more] } };
}

export const BASE: Patch = {
  ociVersion: "1.0.2",
  process: { args: ["/bin/true"], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } },
  root: { path: "rootfs" },
  mounts: MOUNTS,
  linux: { namespaces: NAMESPACES.map((type) => ({ type })) },
};

/** A user namespace whose ids are those from 100,000 on outside. */
export const USER: Patch = merge(namespaces([], { type: "user" }), {
  linux: { uidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }], gidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }] },
});
