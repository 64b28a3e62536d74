import type { ContainerCheck } from "../check.ts";
import { finding, inapplicable, pass, saw, unknown } from "../check.ts";

const CHARACTER = 0o020000;
const KIND = 0o170000;
/** Paths that engines cover with a bind of /dev/null. */
const PATHS = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/latency_stats", "/proc/timer_stats", "/proc/interrupts"];

export const check: ContainerCheck = {
  scope: "container",
  id: "L08",
  name: "mask-identity",
  title: "What covers a path of /proc is not the null device",
  severity: "high",
  why: "A container that wins a race with its runtime has its own file or device bound over a mask, or a file of /proc made writable (CVE-2025-31133, CVE-2025-52565). What is left of it shows in the device number.",
  references: ["CVE-2025-31133", "CVE-2025-52565", "T1611"],
  remedy: { text: "Treat the container as hostile: stop it, keep its files, and update the runtime", host: "apt install --only-upgrade runc crun" },
  reads: { inside: PATHS },
  evaluate({ container, mounts, paths }) {
    const root = `/proc/${container.initPid ?? 0}/root`;
    if (typeof mounts === "number") return unknown("its mount table could not be read", saw(`/proc/${container.initPid ?? 0}/mountinfo`, mounts));
    const covered = PATHS.flatMap((path) => {
      const object = paths.get(path)?.object;
      return typeof object === "object" && object.mountRoot ? [{ path, object }] : [];
    });
    const odd = covered.filter(({ object }) => {
      const type = mounts.find(({ id }) => id === object.mountId)?.type;
      if ((object.mode & KIND) === CHARACTER) return object.rdev.major !== 1 || object.rdev.minor !== 3;
      // An empty file of a tmpfs, as pidbox and systemd mask; one of proc is the path itself, made writable by a bind.
      return object.size > 0 || (type !== "tmpfs" && type !== "devtmpfs" && type !== "proc");
    });
    const [first] = odd;
    if (first !== undefined) {
      const { rdev, mode } = first.object;
      return finding(odd.map(({ path }) => path).join(", "), saw(`${root}${first.path}`, `mode ${mode.toString(8)}, device ${rdev.major}:${rdev.minor}`));
    }
    return covered.length === 0 ? inapplicable("nothing is bound over them", saw(root, "")) : pass("the null device, or an empty file", saw(root, covered.map(({ path }) => path).join(" ")));
  },
};
