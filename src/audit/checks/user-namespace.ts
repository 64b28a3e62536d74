import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw, unknown } from "../check.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "S01",
  name: "user-namespace",
  title: "Root in the container is root of the host",
  severity: "high",
  why:
    "Whatever gets out, by a bug of the kernel, of the runtime, or by a descriptor, is root outside. In a user namespace of its own it is nobody, and most of the kernel's privileged doors are shut to it.",
  references: ["CIS Docker 2.9", "CIS Docker 5.31", "T1611"],
  remedy: {
    text: "Map its root to an id that owns nothing on the host",
    docker: "# /etc/docker/daemon.json\n{ \"userns-remap\": \"default\" }",
    podman: "podman run --userns=auto",
    kubernetes: "spec:\n  hostUsers: false",
  },
  evaluate({ container, first, uidMap }) {
    const source = `/proc/${container.initPid ?? 0}/ns/user`;
    const evidence = saw(source, first?.namespaces.user ?? "");
    if (!container.sharedWithHost.includes("user")) {
      if (container.unknown.includes("user") || first?.namespaces.user === undefined) return unknown("the kernel does not tell which user namespace it is in", evidence);
      const outside = typeof uidMap === "number" ? undefined : uidMap.find((range) => range.inside === 0)?.outside;
      // An identity map is a namespace all the same: capabilities are over it alone. Its files are the host's root's.
      const identity = { ...finding("a user namespace of its own, whose root has the host's id 0", evidence, saw(`/proc/${container.initPid ?? 0}/uid_map`, "0 0")), severity: "medium" as const };
      return outside === 0 ? identity : pass(outside === undefined ? "no root inside is anybody outside" : `its root is ${outside} outside`, evidence);
    }
    const root = first?.status.uids.effective === 0;
    const text = root ? "no user namespace, and it runs as root" : `no user namespace; it runs as ${first?.status.uids.effective ?? "?"}`;
    return { ...finding(text, evidence), severity: root ? "high" : "medium" };
  },
};
