import type { Mount } from "../../kernel/mountinfo.ts";
import { cannotJudge, mountsOf, mountSource } from "../binds.ts";
import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw } from "../check.ts";
import { mountText } from "../mount-tree.ts";
import { remembered } from "../remembered.ts";

const groupsOf = remembered((mounts: readonly Mount[]): ReadonlySet<number | undefined> => new Set(mounts.map(({ shared }) => shared)));

export const check: ContainerCheck = {
  scope: "container",
  id: "P08",
  name: "shared-propagation",
  title: "Mounts that the container makes appear on the host",
  severity: "high",
  why:
    "A mount in the same peer group as one of the host is the same on both sides: who can mount in the container covers directories of the host, and what the host mounts later appears inside. " +
    "Peer groups are compared by number with the host's own table, so groups that containers share among themselves are not mistaken for it.",
  references: ["CIS Docker 5.20", "T1611"],
  remedy: {
    text: "Use private or slave propagation",
    docker: "docker run -v /srv/data:/data:rslave   # instead of :shared or :rshared",
    podman: "podman run -v /srv/data:/data:rslave",
    compose: "volumes:\n- type: bind\n  source: /srv/data\n  target: /data\n  bind:\n    propagation: rslave",
    kubernetes: "volumeMounts:\n- name: data\n  mountPath: /data\n  mountPropagation: HostToContainer",
  },
  evaluate(container, facts) {
    const source = mountSource(container);
    const { mounts: host } = facts.host;
    const cannot = cannotJudge(container, facts);
    if (cannot !== undefined) return cannot;
    const groups = typeof host === "number" ? new Set() : groupsOf(host);
    const found = mountsOf(container).filter(({ shared }) => shared !== undefined && groups.has(shared));
    const [first] = found;
    const slaves = mountsOf(container).filter(({ master }) => master !== undefined && groups.has(master)).length;
    if (first === undefined) return pass(slaves > 0 ? `none; ${slaves} receive what the host mounts` : "none", saw(source, `${slaves} slaves of the host's`));
    return finding(`${first.mountPoint}${found.length > 1 ? ` and ${found.length - 1} more` : ""}`, ...found.slice(0, 4).map((mount) => saw(source, `shared:${mount.shared ?? 0} ${mountText(mount)}`)));
  },
};
