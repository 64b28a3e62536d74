import { bindsOf, cannotJudge, mountSource } from "../binds.ts";
import type { ContainerCheck } from "../check.ts";
import { blocked, finding, pass, saw } from "../check.ts";
import { isEngineStorage, isKernelTree } from "../host-paths.ts";
import { isReadOnly, mountText, sameDevice } from "../mount-tree.ts";
import { hasHostUsers } from "../obstacles.ts";

const TYPE = 0o170000;
const DIRECTORY = 0o040000;

export const check: ContainerCheck = {
  scope: "container",
  id: "P07",
  name: "bind-without-nosuid",
  title: "Root in the container can leave set-uid files on the host",
  severity: "medium",
  why:
    "A directory of the host that is writable and whose filesystem honours set-uid bits outside takes a root-owned shell from the container, which any user of the host may then start. " +
    "Volumes below an engine's own storage are not counted: only root can go there.",
  references: ["T1548.001"],
  remedy: {
    text: "Keep shared directories on a filesystem that is mounted nosuid,nodev on the host, map the container's users to others, or mount read-only",
    docker: "dockerd --userns-remap default   # or -v /srv/data:/data:ro",
    podman: "podman run --userns auto -v /srv/data:/data:U",
    compose: "volumes: ['/srv/data:/data:ro']",
    kubernetes: "spec:\n  hostUsers: false",
    host: "mount -o remount,nosuid,nodev /srv",
  },
  evaluate(container, facts) {
    const source = mountSource(container);
    const cannot = cannotJudge(container, facts);
    if (cannot !== undefined) return cannot;
    const { mounts } = facts.host;
    const honours = (device: { major: number; minor: number }): boolean =>
      (typeof mounts === "number" ? [] : mounts).some((mount) => sameDevice(mount.device, device) && !mount.options.includes("nosuid"));
    const found = bindsOf(container, facts.host).filter(({ mount, paths }) => {
      const object = container.binds.objects.get(mount.id);
      const directory = typeof object !== "object" || (object.mode & TYPE) === DIRECTORY;
      if (!directory || isReadOnly(mount) || mount.options.includes("nosuid") || !honours(mount.device)) return false;
      return !paths.some((path) => isEngineStorage(path) || isKernelTree(path));
    });
    const [first] = found;
    if (first === undefined) return pass("no directory of the host is writable and without nosuid");
    const text = `${first.paths[0] ?? ""} of the host on ${first.mount.mountPoint}${found.length > 1 ? ` and ${found.length - 1} more` : ""}, writable without nosuid`;
    const evidence = found.slice(0, 4).map(({ mount }) => saw(source, mountText(mount)));
    const root = container.tasks.some((task) => hasHostUsers(task, container, facts) && task.status.uids.filesystem === 0);
    if (root) return finding(text, ...evidence);
    const users = container.tasks.some((task) => hasHostUsers(task, container, facts));
    return blocked(users ? "file permissions" : "user namespace", `${text}, but nobody in it is the host's root`, ...evidence);
  },
};
