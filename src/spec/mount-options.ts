/**
 * OCI mount options (config.md#linux-mount-options) as what the new mount API wants: attributes for mount_setattr(2), propagation, filesystem data.
 *
 * Options apply in order and a later one undoes an earlier one (`ro,rw`). The access-time mode is one enum of the kernel, not three flags: whenever it
 * is named, `clear` holds all of MOUNT_ATTR__ATIME, without which mount_setattr(2) answers EINVAL.
 */
import { MOUNT_ATTR, MS } from "../kernel/abi/mount.ts";

/** attr_set and attr_clr of struct mount_attr. A fresh mount needs `set` only; a bind mount needs both, so that `rw`, `exec` or `dev` undo the source's. */
export interface MountAttributes {
  readonly set: number;
  readonly clear: number;
}

export interface Propagation {
  /** MS.SHARED, MS.SLAVE, MS.PRIVATE or MS.UNBINDABLE. */
  readonly type: number;
  readonly recursive: boolean;
}

export interface MountOptions {
  readonly bind: "no" | "bind" | "rbind";
  readonly remount: boolean;
  readonly attributes: MountAttributes;
  /** The r* options, for the mount and everything below it (AT_RECURSIVE, Linux 5.12). */
  readonly recursive: MountAttributes;
  /** In the order given; `slave` after `shared` makes a mount that is both. */
  readonly propagation: readonly Propagation[];
  readonly idmap: "no" | "idmap" | "ridmap";
  /** Copy what the mount hides into the tmpfs. */
  readonly tmpcopyup: boolean;
  /** Flags of the superblock, as names for FSCONFIG_SET_FLAG: sync, dirsync, lazytime, mand. No meaning for bind mounts. */
  readonly superblock: readonly string[];
  /** Options of the filesystem: `key=value` or `flag`, in order. */
  readonly data: readonly string[];
}

type AtimeMode = "relatime" | "noatime" | "strictatime";

type Effect =
  | { readonly kind: "attribute"; readonly flag: number; readonly on: boolean; readonly recursive: boolean }
  | { readonly kind: "atime"; readonly name: "atime" | AtimeMode | "norelatime" | "nostrictatime"; readonly recursive: boolean }
  | { readonly kind: "propagation"; readonly type: number; readonly recursive: boolean }
  | { readonly kind: "superblock"; readonly flag: string; readonly on: boolean }
  | { readonly kind: "bind"; readonly value: "bind" | "rbind" }
  | { readonly kind: "idmap"; readonly value: "idmap" | "ridmap" }
  | { readonly kind: "remount" }
  | { readonly kind: "tmpcopyup" }
  | { readonly kind: "nothing" };

const ATTRIBUTES: readonly (readonly [on: string, off: string, flag: number])[] = [
  ["ro", "rw", MOUNT_ATTR.RDONLY],
  ["nosuid", "suid", MOUNT_ATTR.NOSUID],
  ["nodev", "dev", MOUNT_ATTR.NODEV],
  ["noexec", "exec", MOUNT_ATTR.NOEXEC],
  ["nodiratime", "diratime", MOUNT_ATTR.NODIRATIME],
  ["nosymfollow", "symfollow", MOUNT_ATTR.NOSYMFOLLOW],
];
const ATIME = ["atime", "noatime", "relatime", "norelatime", "strictatime", "nostrictatime"] as const;
const PROPAGATION = { shared: MS.SHARED, slave: MS.SLAVE, private: MS.PRIVATE, unbindable: MS.UNBINDABLE };
const SUPERBLOCK: readonly (readonly [on: string, off: string])[] = [["sync", "async"], ["lazytime", "nolazytime"], ["mand", "nomand"]];
// `defaults` names what a mount has anyway. silent, loud, iversion and noiversion are flags of mount(2) that fsconfig(2) has no word for:
// they change the log and an internal counter, not what the container may do.
const NOTHING = ["defaults", "silent", "loud", "iversion", "noiversion"];

let table: ReadonlyMap<string, Effect> | undefined;

/** Every option with a meaning of its own. Made when it is first asked for, which a start with a known plan never does. */
function effects(): ReadonlyMap<string, Effect> {
  table ??= new Map(entries());
  return table;
}

function* entries(): Generator<[string, Effect]> {
  for (const [prefix, recursive] of [["", false], ["r", true]] as const) {
    for (const [on, off, flag] of ATTRIBUTES) {
      yield [prefix + on, { kind: "attribute", flag, on: true, recursive }];
      yield [prefix + off, { kind: "attribute", flag, on: false, recursive }];
    }
    for (const name of ATIME) yield [prefix + name, { kind: "atime", name, recursive }];
    for (const [name, type] of Object.entries(PROPAGATION)) yield [prefix + name, { kind: "propagation", type, recursive }];
  }
  for (const [on, off] of SUPERBLOCK) {
    yield [on, { kind: "superblock", flag: on, on: true }];
    yield [off, { kind: "superblock", flag: on, on: false }];
  }
  yield ["dirsync", { kind: "superblock", flag: "dirsync", on: true }];
  for (const value of ["bind", "rbind"] as const) yield [value, { kind: "bind", value }];
  for (const value of ["idmap", "ridmap"] as const) yield [value, { kind: "idmap", value }];
  yield ["remount", { kind: "remount" }];
  yield ["tmpcopyup", { kind: "tmpcopyup" }];
  for (const name of NOTHING) yield [name, { kind: "nothing" }];
}

/** Every option with a meaning of its own, sorted: the `mountOptions` of `features`. All others are data of the filesystem. */
export function mountOptionNames(): string[] {
  return [...effects().keys()].toSorted();
}

class AttributeState {
  set = 0;
  clear = 0;
  atime: AtimeMode | undefined;

  apply(flag: number, on: boolean): void {
    this.set = on ? this.set | flag : this.set & ~flag;
    this.clear = on ? this.clear & ~flag : this.clear | flag;
  }

  // mount(8): `atime` and `nostrictatime` return to the kernel's default, relatime; `norelatime` alone changes nothing since Linux 2.6.30.
  applyAtime(name: (typeof ATIME)[number]): void {
    if (name === "atime") this.atime = this.atime === "strictatime" ? "strictatime" : "relatime";
    else if (name === "nostrictatime") this.atime = this.atime === "noatime" ? "noatime" : "relatime";
    else if (name !== "norelatime") this.atime = name;
  }

  result(): MountAttributes {
    if (this.atime === undefined) return { set: this.set, clear: this.clear };
    const mode = { relatime: MOUNT_ATTR.RELATIME, noatime: MOUNT_ATTR.NOATIME, strictatime: MOUNT_ATTR.STRICTATIME }[this.atime];
    return { set: this.set | mode, clear: this.clear | MOUNT_ATTR.ATIME };
  }
}

/** What a mount's `options` ask for. Total: an option that is not known is data, as the specification says. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  const here = new AttributeState();
  const below = new AttributeState();
  const superblock = new Set<string>();
  const propagation: Propagation[] = [];
  const data: string[] = [];
  let bind: MountOptions["bind"] = "no";
  let idmap: MountOptions["idmap"] = "no";
  let remount = false;
  let tmpcopyup = false;
  for (const option of options) {
    const effect = effects().get(option);
    if (effect === undefined) {
      // x-* and X-* are for programs of user space, which mount(8) keeps from the filesystem.
      if (option !== "" && !/^x-/i.test(option)) data.push(option);
      continue;
    }
    switch (effect.kind) {
      case "attribute": (effect.recursive ? below : here).apply(effect.flag, effect.on); break;
      case "atime": (effect.recursive ? below : here).applyAtime(effect.name); break;
      case "propagation": propagation.push({ type: effect.type, recursive: effect.recursive }); break;
      case "superblock":
        if (effect.on) superblock.add(effect.flag);
        else superblock.delete(effect.flag);
        break;
      case "bind": bind = effect.value; break;
      case "idmap": idmap = effect.value; break;
      case "remount": remount = true; break;
      case "tmpcopyup": tmpcopyup = true; break;
      case "nothing": break;
    }
  }
  return { bind, remount, attributes: here.result(), recursive: below.result(), propagation, idmap, tmpcopyup, superblock: [...superblock], data };
}
