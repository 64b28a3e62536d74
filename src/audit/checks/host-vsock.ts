import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, pass, saw, unknown } from "../check.ts";

const PATHS = ["/dev/vsock", "/dev/vhost-vsock"];

export const check: ContainerCheck = {
  scope: "container",
  id: "N09",
  name: "host-vsock",
  title: "A device of virtual sockets is in the container",
  severity: "medium",
  why: "vsock reaches the hypervisor and its agents by number, past every network namespace and firewall.",
  references: ["T1611"],
  remedy: { text: "Take the device away; the address family itself is denied by seccomp", docker: "docker run   # without --device /dev/vsock", podman: "podman run   # without --device /dev/vsock" },
  reads: { inside: PATHS },
  evaluate({ container, paths }) {
    const root = `/proc/${container.initPid ?? 0}/root`;
    const found = PATHS.filter((path) => typeof paths.get(path)?.object === "object");
    if (found.length > 0) return finding(found.join(", "), ...found.map((path) => saw(root + path, "there")));
    const dark = PATHS.map((path) => ({ path, object: paths.get(path)?.object ?? -61 })).find(({ object }) => object !== -2 && object !== -20);
    return dark === undefined ? pass("none", saw(root, PATHS.join(" "))) : unknown(`${dark.path} could not be looked at`, evidenceOf(root + dark.path, dark.object as number));
  },
};
