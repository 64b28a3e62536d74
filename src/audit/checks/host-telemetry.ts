import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw, unknown } from "../check.ts";

const SEEN = ["/proc/meminfo", "/proc/stat", "/proc/uptime", "/proc/loadavg", "/proc/diskstats", "/proc/cpuinfo"];

export const check: ContainerCheck = {
  scope: "container",
  id: "L12",
  name: "host-telemetry",
  title: "Load, memory and disks of the host are seen",
  severity: "info",
  why: "These files of /proc have no namespace: they tell what others do, and programs that size themselves by them take the host's size for theirs. lxcfs shows the container's own.",
  references: ["T1082"],
  remedy: { text: "Where it matters, mount lxcfs over them", host: "apt install lxcfs", docker: "docker run -v /var/lib/lxcfs/proc/meminfo:/proc/meminfo:ro" },
  reads: { inside: SEEN },
  evaluate({ container, mounts, paths }) {
    const root = `/proc/${container.initPid ?? 0}/root`;
    if (typeof mounts === "number") return unknown("its mount table could not be read", saw(`/proc/${container.initPid ?? 0}/mountinfo`, mounts));
    const open = SEEN.filter((path) => {
      const object = paths.get(path)?.object;
      return typeof object === "object" && mounts.find(({ id }) => id === object.mountId)?.type === "proc";
    });
    const dark = SEEN.find((path) => {
      const object = paths.get(path)?.object;
      return object === undefined || (typeof object === "number" && object !== -2 && object !== -20);
    });
    if (open.length > 0) return finding(open.join(", "), saw(root, open.join(" ")));
    return dark === undefined ? pass("none of the kernel's own", saw(root, "")) : unknown(`${dark} could not be looked at`, saw(`${root}${dark}`, ""));
  },
};
