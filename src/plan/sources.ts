/**
 * Stage: what a privileged supervisor makes on the host for the container's mounts, as detached mounts: nothing of them is attached anywhere until the
 * container does it. The container has the same descriptors by inheritance, and takes none before it was told that they are dressed. Pure.
 */
import { AT, OPEN } from "../kernel/abi/constants.ts";
import { MOUNT_ATTR } from "../kernel/abi/mount.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { Mount } from "../spec/runtime-config.ts";
import { dressSource, openSource } from "./bind.ts";
import { hasPreparedDev, prepareDevices } from "./devices.ts";
import { cloneTree, setAttributes } from "./filesystem.ts";
import { receive, send } from "./handover.ts";
import { hold, replace, take } from "./held.ts";
import type { Held } from "./held.ts";
import { makeMapNamespaces, mapNamespace } from "./idmap.ts";
import type { MapNamespaces } from "./idmap.ts";
import { isBind, isChange, isIdmapped, mountName, optionsOf } from "./mount-kind.ts";
import type { Compilation } from "./names.ts";
import { isLaidOutside, layOverlayOutside, openLayer } from "./overlay.ts";
import { sourcePropagation } from "./rootfs.ts";

/** Detached mounts by config pointer (`/root`, `/dev`, `/mounts/3`), and the namespaces for id maps of their own. */
export interface Sources {
  readonly mounts: Map<string, Held>;
  readonly maps: MapNamespaces;
}

/** Supervisor's ops before clone (privileged): everything that needs the host's paths or its rights. */
export function prepareSources(c: Compilation): Sources {
  const { writer: w, blueprint } = c;
  const maps = makeMapNamespaces(c);
  const mounts = new Map<string, Held>();
  if (!c.facts.privileged) return { mounts, maps };
  const { rootfs } = blueprint;
  if (rootfs.kind !== "assembled") {
    w.from("/root/path");
    const source = w.register();
    w.call(SYSCALLS.openat, AT.FDCWD, w.text(rootfs.source), OPEN.PATH | OPEN.DIRECTORY | OPEN.CLOEXEC).into(source);
    mounts.set("/root", hold(c, cloneTree(c, source, c.empty, rootfs.kind === "bind")));
    w.close(source);
  }
  const layer = openLayer(c);
  if (layer !== undefined) mounts.set("/layer", hold(c, layer));
  if (hasPreparedDev(c)) mounts.set("/dev", hold(c, prepareDevices(c)));
  (blueprint.config.mounts ?? []).forEach((mount, i) => {
    if (!isBind(mount) || isChange(mount)) return;
    w.from(mountName(i, mount));
    mounts.set(`/mounts/${i}`, hold(c, openSource(c, mount, optionsOf(mount))));
  });
  return { mounts, maps };
}

/** Supervisor's ops after clone, when the id maps are there: what makes the detached mounts the container's. `userns` is the register of its user namespace. */
export function finishSources(c: Compilation, sources: Sources, userns: number | undefined): void {
  const { writer: w, blueprint } = c;
  const shared = blueprint.degraded.includes("idmap") ? undefined : userns;
  for (const [pointer, held] of sources.mounts) {
    if (pointer === "/dev") continue;
    w.from(pointer);
    const mount = take(c, held);
    if (pointer === "/layer") {
      // On disk are the container's ids, as in the layer below.
      if (blueprint.idmapped && shared !== undefined) setAttributes(c, mount, MOUNT_ATTR.IDMAP, { idmap: shared });
    } else if (pointer === "/root") {
      finishRoot(c, mount, blueprint.idmapped ? shared : undefined);
    } else {
      const index = Number(pointer.slice("/mounts/".length));
      const config = blueprint.config.mounts?.[index] as Mount;
      w.from(mountName(index, config));
      const own = mapNamespace(sources.maps, config);
      const map = own === undefined ? shared : take(c, own);
      dressSource(c, mount, optionsOf(config), isIdmapped(config) ? map : undefined);
      if (own !== undefined && map !== undefined) w.release(map);
    }
    w.release(mount);
  }
}

function finishRoot(c: Compilation, mount: number, userns: number | undefined): void {
  const { rootfs, runtime } = c.blueprint;
  // Device files of an image work where the config's cgroup lets them, as with other runtimes; `do` and `run` have no use for them.
  const attributes = (runtime === undefined ? MOUNT_ATTR.NODEV : 0) + (userns === undefined ? 0 : MOUNT_ATTR.IDMAP);
  const copied = { propagation: sourcePropagation(c), recursive: rootfs.kind === "bind" };
  setAttributes(c, mount, attributes, { ...copied, ...(userns === undefined ? {} : { idmap: userns }) });
  if (isLaidOutside(c)) layOverlayOutside(c, mount);
}

/** Supervisor's ops: the container may take what it inherited. An overlay that was laid after clone goes along. */
export function releaseSources(c: Compilation, sources: Sources, socket: number): void {
  const { writer: w } = c;
  const root = sources.mounts.get("/root");
  w.from("handover");
  const overlay = isLaidOutside(c) && root !== undefined ? [take(c, root)] : [];
  send(c, socket, overlay);
  w.release(...overlay);
  for (const held of [...sources.mounts.values(), ...sources.maps.values()]) w.close(take(c, held));
}

/** Container's ops: waits for `releaseSources`. */
export function awaitSources(c: Compilation, sources: Sources, socket: number): void {
  const { writer: w } = c;
  const root = sources.mounts.get("/root");
  w.from("handover");
  if (!isLaidOutside(c) || root === undefined) return receive(c, socket, []);
  const lower = take(c, root);
  w.close(lower);
  const overlay = w.register();
  receive(c, socket, [overlay]);
  replace(c, root, overlay);
}
