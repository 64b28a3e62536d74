/**
 * Stage: user namespaces that exist only for the id map of a mount (mount_setattr(2), "ID-mapped mounts"; config.md, uidMappings of a mount). Pure.
 */
import { PidboxError } from "../base/error.ts";
import { CLONE, OPEN } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { IdMapping, Mount } from "../spec/runtime-config.ts";
import { fork } from "./clone-arguments.ts";
import { writeFile } from "./file.ts";
import { hold } from "./held.ts";
import type { Held } from "./held.ts";
import { mapText, openProcess } from "./identity.ts";
import { isIdmapped } from "./mount-kind.ts";
import type { Compilation } from "./names.ts";
import { makePipe } from "./pipe.ts";

/** The map of a mount as a key: mounts with the same one share a namespace. */
function mapKey(mount: Mount): string {
  const text = (map: readonly IdMapping[] | undefined): string => (map ?? []).map((m) => `${m.containerID}:${m.hostID}:${m.size}`).join(" ");
  return `${text(mount.uidMappings)}/${text(mount.gidMappings)}`;
}

/** A namespace with these maps, kept alive by the descriptor in the register returned: its process is gone by then. */
function makeNamespace(c: Compilation, from: string, uid: readonly IdMapping[], gid: readonly IdMapping[]): number {
  const { writer: w } = c;
  const { reading, writing } = makePipe(w.from(from));
  const pid = w.register();
  const parent = w.label();
  fork(w, { flags: CLONE.NEWUSER }).into(pid).jumpSet(parent, pid);
  w.call(SYSCALLS.close, writing).call(SYSCALLS.read, reading, w.room(8), 1).exit(0);
  w.place(parent);
  const process = openProcess(c, pid);
  w.from(from);
  writeFile(w, process, "uid_map", mapText(uid));
  writeFile(w, process, "gid_map", mapText(gid));
  const namespace = w.register();
  w.call(SYSCALLS.openat, process, w.text("ns/user"), OPEN.RDONLY | OPEN.CLOEXEC).into(namespace).close(process);
  w.close(reading, writing);
  const status = w.cells(0);
  w.call(SYSCALLS.wait4, pid, status, 0).load(pid, status, 4).expect(pid, 0).release(pid);
  return namespace;
}

/** The namespaces of all mounts with maps of their own, by map. */
export type MapNamespaces = ReadonlyMap<string, Held>;

/** Supervisor's ops. Throws HOST_UNSUPPORTED where only the host's root could write the maps. */
export function makeMapNamespaces(c: Compilation): MapNamespaces {
  const made = new Map<string, Held>();
  if (c.blueprint.runtime === undefined) return made;
  (c.blueprint.config.mounts ?? []).forEach((mount, i) => {
    const { uidMappings, gidMappings } = mount;
    if (!isIdmapped(mount)) return;
    const from = `/mounts/${i}/${uidMappings === undefined ? "options" : "uidMappings"}`;
    if (!c.facts.privileged) {
      throw new PidboxError("HOST_UNSUPPORTED", `Cannot map the ids of the mount on ${JSON.stringify(mount.destination)}: only the host's root may`, {
        hint: "Leave idmap and the mappings out, or start as root", context: { feature: "id-mapped mounts", from },
      });
    }
    if (uidMappings === undefined || gidMappings === undefined || made.has(mapKey(mount))) return;
    made.set(mapKey(mount), hold(c, makeNamespace(c, from, uidMappings, gidMappings)));
  });
  return made;
}

/** The namespace of a mount's own map. */
export function mapNamespace(namespaces: MapNamespaces, mount: Mount): Held | undefined {
  return mount.uidMappings === undefined ? undefined : namespaces.get(mapKey(mount));
}
