import { mountsOf, mountSource } from "../binds.ts";
import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";
import { isReadOnly, mountText, treeOf } from "../mount-tree.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "P21",
  name: "root-writable",
  title: "The root filesystem can be written",
  severity: "low",
  why: "Who breaks into a program of a container can replace the others and leave tools there. With a read-only root, what runs is what was shipped, and the places to look at are few.",
  references: ["CIS Docker 5.13"],
  remedy: {
    text: "Mount the root read-only, and give the directories that are written a tmpfs or a volume",
    docker: "docker run --read-only --tmpfs /tmp --tmpfs /run",
    podman: "podman run --read-only",
    compose: "read_only: true\ntmpfs: [/tmp, /run]",
    kubernetes: "securityContext:\n  readOnlyRootFilesystem: true",
  },
  evaluate(container) {
    const source = mountSource(container);
    if (typeof container.mounts === "number") return unknown("its mount table could not be read", evidenceOf(source, container.mounts));
    const { first } = container;
    const id = typeof first?.root === "object" ? first.root.mountId : undefined;
    const root = mountsOf(container).find((mount) => mount.id === id) ?? treeOf(mountsOf(container)).at("/");
    if (root === undefined) return unknown("its root is on no mount of its table", saw(source, `mount ${id ?? "?"}`));
    return isReadOnly(root) ? pass("read-only", saw(source, mountText(root))) : finding(root.type, saw(source, mountText(root)));
  },
};
