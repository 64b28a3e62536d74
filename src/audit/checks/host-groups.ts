import { idInside } from "../../kernel/namespaces.ts";
import type { ContainerCheck } from "../check.ts";
import { eachTask } from "../each-task.ts";
import { mayHaveHostUsers } from "../host-users.ts";

/** Groups that are as good as root on a host: who is in them may read disks, start containers, or open every virtual machine. */
const POWERFUL = new Set(["root", "docker", "disk", "kvm", "shadow", "sudo", "adm", "lxd", "incus-admin", "libvirt", "kmem"]);

function groupNames(file: string | number | undefined): ReadonlyMap<number, string> {
  const lines = typeof file === "string" ? file.split("\n") : [];
  return new Map(lines.flatMap((line): [number, string][] => {
    const [name, , id] = line.split(":");
    return name !== undefined && POWERFUL.has(name) && id !== undefined && /^[0-9]{1,10}$/.test(id) ? [[Number(id), name]] : [];
  }));
}

export const check: ContainerCheck = {
  scope: "container",
  id: "S03",
  name: "host-groups",
  title: "A process is in a group that has power on the host",
  severity: "medium",
  why: "Group ids count outside as well: a process in the host's disk, kvm or docker group that reaches such a device or socket, by a bind or a breakout, has what the group has.",
  references: ["PSS restricted (runAsNonRoot)"],
  remedy: {
    text: "Run as a user of its own, without the host's groups",
    docker: "docker run --user 10001:10001   # without --group-add",
    podman: "podman run --user 10001:10001   # without --group-add, --group-add keep-groups",
    compose: "user: \"10001:10001\"",
    kubernetes: "securityContext:\n  runAsUser: 10001\n  runAsGroup: 10001\n  supplementalGroups: []",
  },
  reads: { files: ["/etc/group"] },
  evaluate(container, { host }) {
    const names = groupNames(host.files.get("/etc/group"));
    const own = !mayHaveHostUsers(container.container);
    return eachTask(container, "status", ({ status: { gids, groups } }) => {
      const all = [...new Set([gids.effective, gids.saved, ...groups])];
      const value = `Groups: ${all.join(" ")}`;
      const { gidMap } = container;
      // Root's own group is S01's subject; in a user namespace only an id that is mapped counts.
      const mapped = (id: number): boolean => !own || (typeof gidMap === "object" && idInside(gidMap, id) !== undefined);
      const found = all.filter((id) => id !== 0 && names.has(id) && mapped(id));
      return found.length > 0 ? { verdict: "finding", text: found.map((id) => `${names.get(id) ?? ""} (${id})`).join(", "), value } : { verdict: "pass", text: "none", value };
    });
  },
};
