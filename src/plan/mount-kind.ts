/** What a mount of a config is, by its type and options. Pure. */
import { parseMountOptions } from "../spec/mount-options.ts";
import type { MountOptions } from "../spec/mount-options.ts";
import type { Mount } from "../spec/runtime-config.ts";
import type { Blueprint } from "./blueprint.ts";
import { components } from "./target.ts";

/** A bind mount is decided by its options, not by its type. */
export function isBind(mount: Mount): boolean {
  return mount.options?.some((o) => o === "bind" || o === "rbind") ?? false;
}

/** Where bind sources are files, if whoever made the config has looked. */
const FILE_MARK = "x-pidbox.file";

/** Marks a bind mount whose source is not a directory: its target is then made as a file. */
export function fileBind(options: readonly string[]): string[] {
  return [...options, FILE_MARK];
}

export function isMarkedFile(mount: Mount): boolean {
  return mount.options?.includes(FILE_MARK) ?? false;
}

/** Stages ask for the same mounts again and again, and a config does not change. */
const parsed = new WeakMap<Mount, MountOptions>();

/** The options without marks of pidbox's own. */
export function optionsOf(mount: Mount): MountOptions {
  const known = parsed.get(mount);
  if (known !== undefined) return known;
  const options = parseMountOptions((mount.options ?? []).filter((option) => option !== FILE_MARK));
  parsed.set(mount, options);
  return options;
}

/** Whether the mount only changes one that is there: `remount`, or propagation and nothing else (mount(8)). */
export function isChange(mount: Mount): boolean {
  const options = optionsOf(mount);
  return options.remount || (!isBind(mount) && (mount.type === undefined || mount.type === "none") && options.propagation.length > 0);
}

export function isCgroup(mount: Mount): boolean {
  return (mount.type === "cgroup" || mount.type === "cgroup2") && !isBind(mount);
}

/** The config pointer of mount `index` as ops have it: with what a reader of an error knows the mount by. */
export function mountName(index: number, mount: Mount): string {
  return `/mounts/${index} on ${mount.destination}`;
}

/** Whether the mount shows its files with other ids. runc takes mappings for the wish, with the option or without. */
export function isIdmapped(mount: Mount): boolean {
  return mount.uidMappings !== undefined || optionsOf(mount).idmap !== "no";
}

/** The destination as its components from "/", joined. */
export function placeOf(mount: Mount): string {
  return components(mount.destination).join("/");
}

/** Whether the container has a user namespace that is not the host's. */
export function hasOwnUsers(blueprint: Blueprint): boolean {
  return blueprint.config.linux?.namespaces?.some(({ type }) => type === "user") ?? false;
}
