import type { TaskFacts } from "../../engine/posture.ts";
import type { KernelObject } from "../../kernel/object.ts";
import { cannotJudge } from "../binds.ts";
import type { ContainerCheck } from "../check.ts";
import { blocked, finding, pass, saw } from "../check.ts";
import { taskFile } from "../each-task.ts";
import type { AuditFacts, ContainerFacts } from "../facts.ts";
import { inside, Mounts, unreadDescriptors, unreadParts } from "../foreign.ts";
import { CAP_SYS_ADMIN, hasHostUsers, holds } from "../obstacles.ts";

const LEGACY = "/proc/sys/dev/tty/legacy_tiocsti";
const VIRTUAL_CONSOLE = 4;
const PTS = { first: 136, last: 143 } as const;

interface Terminal {
  readonly task: TaskFacts;
  readonly number: number;
  readonly link: string;
  readonly object: KernelObject;
  /** It is the thread's controlling terminal, which takes forged input without a capability. */
  readonly controlling: boolean;
}

/** tty_nr of proc_pid_stat(5): the minor's low byte, the major, and the rest of the minor. */
function isNumber(tty: number, { major, minor }: KernelObject["rdev"]): boolean {
  return ((tty >> 8) & 0xfff) === major && ((tty & 0xff) | ((tty >> 12) & 0xfff00)) === minor;
}

function terminalsOf(container: ContainerFacts, facts: AuditFacts): Terminal[] {
  const mounts = new Mounts(container, facts);
  const numbers = new Map(container.processes.map(({ pid, stat }) => [pid, typeof stat === "number" ? 0 : stat.tty]));
  return inside(container, facts).filter(({ pid, thread }) => pid === thread).flatMap((task) => {
    return (typeof task.descriptors === "number" ? [] : task.descriptors).flatMap(({ number, link, object }): Terminal[] => {
      if (typeof object === "number" || (object.mode & 0o170000) !== 0o020000) return [];
      const { major } = object.rdev;
      if ((major < PTS.first || major > PTS.last) && major !== VIRTUAL_CONSOLE) return [];
      return mounts.owner(object, link) === undefined ? [] : [{ task, number, link, object, controlling: isNumber(numbers.get(task.pid) ?? 0, object.rdev) }];
    });
  });
}

export const check: ContainerCheck = {
  scope: "container",
  id: "P19",
  name: "host-terminal",
  title: "It can type into a terminal of the host",
  severity: "medium",
  why:
    "A program whose controlling terminal is that of a shell on the host puts letters into its input (TIOCSTI): when the container ends, the shell runs them. " +
    "Engines give a terminal of the container's own instead, and newer kernels can switch the call off.",
  references: ["CVE-2017-5226", "T1611"],
  remedy: {
    text: "Start it with a terminal of its own or in a session of its own, and switch the call off",
    docker: "docker run -it IMAGE",
    podman: "podman run -it IMAGE",
    host: "sysctl -w dev.tty.legacy_tiocsti=0   # bubblewrap: --new-session",
  },
  reads: { files: [LEGACY] },
  evaluate(container, facts) {
    const cannot = cannotJudge(container, facts);
    if (cannot !== undefined) return cannot;
    const terminals = terminalsOf(container, facts);
    const powerful = (task: TaskFacts): boolean => holds(task, CAP_SYS_ADMIN) && hasHostUsers(task, container, facts);
    const able = terminals.find(({ task, controlling }) => controlling || powerful(task));
    const hidden = container.tasks.find(({ descriptors }) => typeof descriptors === "number");
    if (terminals.length === 0 && hidden !== undefined) return unreadDescriptors(hidden);
    if (terminals.length === 0) return unreadParts(container) ?? pass("none of its descriptors is one");
    const legacy = facts.host.files.get(LEGACY);
    const evidence = terminals.slice(0, 4).map(({ task, number, link, object }) => saw(taskFile(task, `fd/${number}`), `${link} ${object.rdev.major}:${object.rdev.minor}`));
    if (able === undefined) return pass("one that was handed in, which is not its controlling terminal", ...evidence);
    const text = `PID ${able.task.pid} (${able.task.status.name}) has ${able.link} of the host`;
    const off = saw(LEGACY, typeof legacy === "string" ? legacy : "absent: always allowed");
    return legacy === "0" && !powerful(able.task) ? blocked("dev.tty.legacy_tiocsti", text, ...evidence, off) : finding(text, ...evidence, off);
  },
};
