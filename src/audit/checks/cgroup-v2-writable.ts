import type { ContainerCheck } from "../check.ts";
import { blocked, finding, inapplicable, pass, saw, unknown } from "../check.ts";
import { mayHaveHostUsers } from "../host-users.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "G07",
  name: "cgroup-v2-writable",
  title: "The cgroup v2 tree is mounted writable",
  severity: "high",
  why: "Root in the container may change its own limits, or with the host's cgroup namespace those of everybody. With a cgroup namespace and nsdelegate the kernel keeps it from its own limits.",
  references: ["T1611"],
  remedy: {
    text: "Mount it read-only; a container that manages cgroups needs a cgroup namespace, and a host that mounts cgroup2 with nsdelegate",
    docker: "docker run --cgroupns private   # without --privileged",
    podman: "podman run --cgroupns private   # without --privileged",
    compose: "cgroup: private",
    kubernetes: "securityContext:\n  privileged: false",
    host: "mount -o remount,nsdelegate /sys/fs/cgroup",
  },
  evaluate({ container, mounts }) {
    const source = `/proc/${container.initPid ?? 0}/mountinfo`;
    if (typeof mounts === "number") return unknown("its mount table could not be read", saw(source, mounts));
    const v2 = mounts.filter(({ type }) => type === "cgroup2");
    if (v2.length === 0) return inapplicable("no cgroup2 in it", saw(source, "no mount of type cgroup2"));
    const writable = v2.find(({ options, superOptions }) => options.includes("rw") && superOptions.includes("rw"));
    if (writable === undefined) return pass("read-only", saw(source, v2.map(({ mountPoint }) => mountPoint).join(" ")));
    const { mountPoint, options, superOptions } = writable;
    const evidence = saw(source, `${mountPoint} ${options.join(",")} - cgroup2 ${superOptions.join(",")}`);
    if (!mayHaveHostUsers(container)) return blocked("user namespace", mountPoint, evidence);
    if (container.sharedWithHost.includes("cgroup")) return { ...finding(`${mountPoint}, with the cgroups of the whole host`, evidence), severity: "critical" };
    if (superOptions.includes("nsdelegate")) return { ...finding(`${mountPoint}, below its own limits`, evidence), severity: "low" };
    return finding(`${mountPoint}, and the host mounts it without nsdelegate`, evidence);
  },
};
