import type { ContainerCheck } from "../check.ts";
import { blocked, finding, inapplicable, pass, saw, unknown } from "../check.ts";
import { mayHaveHostUsers } from "../host-users.ts";
import { CAP_SYS_ADMIN, holds } from "../obstacles.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "G05",
  name: "cgroup-v1-writable",
  title: "A cgroup v1 hierarchy is mounted writable",
  severity: "critical",
  why: "Root in the container may lift its own limits there, and in the root of a hierarchy may name a release_agent, which the kernel runs on the host as root (CVE-2022-0492).",
  references: ["T1611", "CVE-2022-0492"],
  remedy: {
    text: "Leave cgroups read-only, as engines mount them by default, or have a host with cgroup v2 alone",
    docker: "docker run   # without --privileged and -v /sys/fs/cgroup:/sys/fs/cgroup:rw",
    podman: "podman run   # without --privileged",
    compose: "# remove: privileged: true",
    kubernetes: "securityContext:\n  privileged: false",
    host: "systemd.unified_cgroup_hierarchy=1   # on the kernel's command line",
  },
  evaluate({ container, mounts, tasks }) {
    const source = `/proc/${container.initPid ?? 0}/mountinfo`;
    if (typeof mounts === "number") return unknown("its mount table could not be read", saw(source, mounts));
    const v1 = mounts.filter(({ type }) => type === "cgroup");
    if (v1.length === 0) return inapplicable("no hierarchy of v1 in it", saw(source, "no mount of type cgroup"));
    const writable = v1.filter(({ options, superOptions }) => options.includes("rw") && superOptions.includes("rw"));
    const [first] = writable;
    if (first === undefined) return pass("read-only", saw(source, v1.map(({ mountPoint }) => mountPoint).join(" ")));
    const text = writable.map(({ mountPoint }) => mountPoint).slice(0, 4).join(", ") + (writable.length > 4 ? ` and ${writable.length - 4} more` : "");
    const evidence = saw(source, `${first.mountPoint} ${first.options.join(",")} - cgroup ${first.superOptions.join(",")}`);
    // Files of cgroups belong to ids of the host: root of another user namespace is not their owner.
    if (!mayHaveHostUsers(container)) return blocked("user namespace", text, evidence);
    // Its own cgroup has limits to lift. Devices and what is above it take CAP_SYS_ADMIN or the root of a hierarchy.
    const beyond = writable.some(({ root }) => root === "/") || tasks.some((task) => holds(task, CAP_SYS_ADMIN));
    return { ...finding(text, evidence), severity: beyond ? "critical" : "high" };
  },
};
