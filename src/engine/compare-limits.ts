/** What the container's cgroups must limit, and that every thread is in them. Pure. */
import { bytesText } from "../base/text.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import type { Layer, LayerState } from "../report/layer.ts";
import { parseRanges } from "../spec/number-list.ts";
import { threadText, unreadText } from "./compare-tasks.ts";
import type { Posture } from "./posture.ts";
import type { LimitPromise, Wall } from "./promise.ts";

/** Unlimited in v1 memory files is the largest multiple of the page size in 63 bits (PAGE_COUNTER_MAX, include/linux/page_counter.h). */
const V1_UNLIMITED = 2 ** 62;

/** The number in a limit file; Infinity is unlimited, undefined is no number. */
export function limitNumber(text: string): number | undefined {
  if (text === "max" || text === "-1") return Number.POSITIVE_INFINITY;
  if (!/^[0-9]{1,20}$/.test(text)) return undefined;
  return Number(text) >= V1_UNLIMITED ? Number.POSITIVE_INFINITY : Number(text);
}

/** `0-2,5` as numbers; undefined for other text. */
export function parseCpuList(text: string): ReadonlySet<number> | undefined {
  const found = new Set<number>();
  const ranges = parseRanges(text);
  for (const [first, last] of ranges ?? []) for (let cpu = first; cpu <= last; cpu++) found.add(cpu);
  return ranges === undefined ? undefined : found;
}

/** Most is the rule: less than what was promised is no weaker. Shares and periods are exact, lists must not grow. */
function holds(name: string, wanted: string, found: string): boolean | undefined {
  if (/^cpuset\.(cpus|mems)$/.test(name)) {
    const [most, now] = [parseCpuList(wanted), parseCpuList(found)];
    return most === undefined || now === undefined ? undefined : [...now].every((cpu) => most.has(cpu));
  }
  if (name === "cpu.max") {
    const [[most, period], [now, nowPeriod]] = [wanted.split(" "), found.split(" ")];
    const ratio = (quota: string | undefined, time: string | undefined): number => (quota === "max" ? Number.POSITIVE_INFINITY : Number(quota) / Number(time));
    const [a, b] = [ratio(most, period), ratio(now, nowPeriod)];
    return Number.isNaN(a) || Number.isNaN(b) ? undefined : b <= a;
  }
  if (/(\.max|limit_in_bytes|quota_us|swappiness)$/.test(name)) {
    const [most, now] = [limitNumber(wanted), limitNumber(found)];
    return most === undefined || now === undefined ? undefined : now <= most;
  }
  return wanted === found;
}

function valueText(name: string, text: string): string {
  const number = limitNumber(text);
  if (number === undefined) return text === "" ? "nothing" : text;
  if (!Number.isFinite(number)) return "unlimited";
  return /^memory\.(?!swappiness)/.test(name) ? bytesText(number) : text;
}

function limitLayer(limit: LimitPromise, posture: Posture): Layer {
  const text = posture.cgroupFiles.get(limit.path) ?? -2;
  const base = { name: limit.name, promised: valueText(limit.name, limit.value), evidence: limit.path };
  if (typeof text === "number") return { ...base, found: unreadText(text), ok: "unknown" };
  const answer = holds(limit.name, limit.value, text);
  const ok: LayerState = answer === undefined ? "unknown" : answer ? "yes" : "no";
  return { ...base, found: valueText(limit.name, text), ok };
}

function within(directory: string, tree: string): boolean {
  return directory === tree || directory.startsWith(`${tree}/`);
}

/** Each thread is in each of the container's cgroups, or in one below it. */
function cgroupLayer(wall: Wall, posture: Posture): Layer | undefined {
  if (wall.cgroups.length === 0) return undefined;
  const base = { name: "cgroups", promised: `every thread in ${wall.cgroups.length === 1 ? "its own" : `its own ${wall.cgroups.length}`}`, evidence: wall.cgroups[0] ?? "" };
  for (const task of posture.tasks) {
    const evidence = `/proc/${task.pid}/task/${task.thread}/cgroup`;
    const who = `PID ${task.pid} (${task.status.name})`;
    if (typeof task.cgroups === "number") return { ...base, found: `${who}: ${unreadText(task.cgroups)}`, ok: "unknown", evidence };
    const places = posture.cgroupDirectories.get(`${task.pid}/${task.thread}`) ?? [];
    const outside = wall.cgroups.find((own) => !places.some((place) => within(place, own)));
    if (outside !== undefined) return { ...base, found: `${who} is not in ${outside}`, ok: "no", evidence };
  }
  return posture.tasks.length === 0 ? { ...base, found: "no process could be read", ok: "unknown" } : { ...base, found: threadText(posture), ok: "yes" };
}

const FILE_OF: Readonly<Record<string, RegExp>> = { pids: /\/pids\.max$/, memory: /\/memory\.(max|limit_in_bytes)$/ };

/** The smallest limit from the container's cgroup up to the root: any of them bounds it. */
function boundLayer(controller: string, posture: Posture): Layer {
  const files = [...posture.cgroupFiles].filter(([path]) => FILE_OF[controller]?.test(path) === true);
  const limits = files.flatMap(([path, text]) => (typeof text === "string" ? [{ path, number: limitNumber(text) ?? Number.POSITIVE_INFINITY }] : []));
  const smallest = limits.toSorted((a, b) => a.number - b.number)[0];
  const base = { name: `${controller} limit`, promised: "a limit on some level of its cgroup" };
  if (smallest !== undefined && Number.isFinite(smallest.number)) {
    return { ...base, found: controller === "memory" ? bytesText(smallest.number) : smallest.number.toString(), ok: "yes", evidence: smallest.path };
  }
  const dark = files.find(([, text]) => typeof text === "number" && text !== -2);
  if (dark !== undefined) return { ...base, found: `not readable: ${errnoName(Number(dark[1]))}`, ok: "unknown", evidence: dark[0] };
  return { ...base, found: limits.length === 0 ? "it is in no cgroup with this controller" : "none on any level", ok: "no", evidence: smallest?.path ?? `/proc/${posture.initPid}/cgroup` };
}

/** The layers that cgroups make. */
export function compareLimits(wall: Wall, posture: Posture): Layer[] {
  const own = cgroupLayer(wall, posture);
  const limits = wall.limits.map((limit) => limitLayer(limit, posture));
  return [...(own === undefined ? [] : [own]), ...limits, ...wall.bounded.map((controller) => boundLayer(controller, posture))];
}
