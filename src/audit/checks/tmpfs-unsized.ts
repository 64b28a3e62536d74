import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw, unknown } from "../check.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "G14",
  name: "tmpfs-unsized",
  title: "A writable tmpfs has no size",
  severity: "low",
  why: "Without a size a tmpfs takes half of the host's memory. Where the container's memory is limited its pages count, but files that outlive their writer stay.",
  references: ["T1499"],
  remedy: {
    text: "Give each tmpfs a size",
    docker: "docker run --tmpfs /tmp:size=64m --shm-size 64m",
    podman: "podman run --tmpfs /tmp:size=64m --shm-size 64m",
    compose: "tmpfs:\n  - /tmp:size=64m\nshm_size: 64m",
    kubernetes: "emptyDir:\n  medium: Memory\n  sizeLimit: 64Mi",
  },
  evaluate({ container, mounts }, { host }) {
    const source = `/proc/${container.initPid ?? 0}/mountinfo`;
    if (typeof mounts === "number") return unknown("its mount table could not be read", saw(source, mounts));
    // One of the host's, bound in, is bounded or not as the host's.
    const hosts = new Set(typeof host.mounts === "number" ? [] : host.mounts.map(({ device }) => `${device.major}:${device.minor}`));
    const own = mounts.filter(({ type, device }) => type === "tmpfs" && !hosts.has(`${device.major}:${device.minor}`));
    const writable = own.filter(({ options, superOptions }) => options.includes("rw") && superOptions.includes("rw"));
    const open = writable.filter(({ superOptions }) => !superOptions.some((option) => /^(size|nr_blocks)=/.test(option)));
    const [first] = open;
    if (first === undefined) return pass("all are bounded", saw(source, ""));
    const names = [...new Set(open.map(({ mountPoint }) => mountPoint))];
    return finding(names.slice(0, 4).join(", ") + (names.length > 4 ? ` and ${names.length - 4} more` : ""), saw(source, `${first.mountPoint} - tmpfs ${first.superOptions.join(",")}`));
  },
};
