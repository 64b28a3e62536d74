/** Promises against facts: the table of layers. Pure. */
import type { Layer } from "../report/layer.ts";
import { compareLimits } from "./compare-limits.ts";
import { compareMounts } from "./compare-mounts.ts";
import { compareTasks, threadText, unreadText } from "./compare-tasks.ts";
import type { Posture } from "./posture.ts";
import type { Wall } from "./promise.ts";

/** Whether all there is was read: processes that the kernel hides, or that come faster than they can be read, leave the table unproved. */
function coverageLayer(posture: Posture): Layer {
  const base = { name: "every process", promised: "read, with all its threads", evidence: "/proc" };
  const [first] = posture.unreadable;
  const extra = [...(posture.zombies === 0 ? [] : [`${posture.zombies} ended and not reaped`]), ...(posture.vanished === 0 ? [] : [`${posture.vanished} ended meanwhile`])];
  if (first !== undefined) {
    const more = posture.unreadable.length === 1 ? "" : `; and ${posture.unreadable.length - 1} more`;
    return { ...base, found: `PID ${first.pid} ${unreadText(first.errno)}${more}`, ok: "unknown", evidence: `/proc/${first.pid}` };
  }
  if (!posture.settled) return { ...base, found: `${threadText(posture)}, and new ones come faster than they can be read`, ok: "unknown" };
  if (!posture.tasks.some((task) => task.pid === posture.initPid)) return { ...base, found: "the first process could not be read", ok: "unknown" };
  return { ...base, found: [threadText(posture), ...extra].join(", "), ok: "yes" };
}

/** A process that came from outside has a PID on fewer levels than the container's first one. */
function strayLayer(posture: Posture): Layer | undefined {
  const first = posture.tasks.find((task) => task.pid === posture.initPid);
  if (first === undefined || first.namespaces.pid === posture.host.pid) return undefined;
  const depth = first.status.pids.length;
  const strays = posture.tasks.filter((task) => task.status.pids.length < depth);
  const found = strays.map((task) => `PID ${task.pid} (${task.status.name})`).slice(0, 5).join(", ");
  const base = { name: "membership", promised: "all in the container's PID namespace", evidence: `/proc/${strays[0]?.pid ?? posture.initPid}/status` };
  if (strays.length === 0) return { ...base, found: `all of ${threadText(posture)}`, ok: "yes" };
  return { ...base, found: `${found} outside of it`, ok: "no" };
}

function initLayer(wall: Wall, posture: Posture): Layer | undefined {
  if (!wall.init) return undefined;
  const base = { name: "init", promised: "pidbox's own is PID 1", evidence: `/proc/${posture.initPid}/exe` };
  const { initProgram } = posture;
  if (typeof initProgram === "number") return { ...base, found: unreadText(initProgram), ok: "unknown" };
  const first = posture.tasks.find((task) => task.pid === posture.initPid);
  const own = initProgram === "/memfd:pidbox (deleted)" && first?.status.pids.at(-1) === 1;
  return { ...base, found: `${initProgram}, PID ${first?.status.pids.at(-1) ?? "?"} inside`, ok: own ? "yes" : "no" };
}

function waivedLayers(wall: Wall): Layer[] {
  return wall.waived.map(({ flag, name }) => ({
    name: `${flag.slice(2)}: ${name}`, promised: "not given up", found: `given up at the start with ${flag}=${name}`, ok: "no", evidence: "state.json", waived: `${flag}=${name}`,
  }));
}

/** Every layer, in the order of the wall: who is inside, what they see, what they may use, what was given up. */
export function compare(wall: Wall, posture: Posture): Layer[] {
  const layers = [
    coverageLayer(posture), strayLayer(posture), initLayer(wall, posture), ...compareTasks(wall, posture), ...compareMounts(wall, posture),
    ...compareLimits(wall, posture), ...waivedLayers(wall),
  ];
  return layers.filter((layer) => layer !== undefined);
}
