/** Whether a container's cgroups let it use a device: the v1 list and the v2 programs must both allow it. Pure. */
import { errnoName } from "../kernel/abi/errno.ts";
import type { LoadedProgram } from "../kernel/device-program.ts";
import { type DeviceRequest, runDeviceProgram } from "../plan/device-interpreter.ts";
import { ACCESS, type DevicePolicy, parseDeviceList } from "../plan/device-rules.ts";
import type { Evidence } from "../report/finding.ts";
import { evidenceOf, saw } from "./check.ts";
import type { ContainerFacts } from "./facts.ts";
import { remembered } from "./remembered.ts";

export const READ_WRITE = ACCESS.r | ACCESS.w;

export interface DeviceAnswer {
  readonly answer: "allowed" | "denied" | "unknown";
  /** For `unknown`. */
  readonly why?: string;
}

const matches = (wanted: number, rule: number): boolean => rule < 0 || rule === wanted;

/** The v1 list of a container's cgroup, or -errno; undefined: none. */
const listOf = remembered((container: ContainerFacts): DevicePolicy | number | undefined => {
  const directory = container.cgroups.get("devices");
  const list = directory === undefined ? undefined : container.cgroupFiles.get(`${directory}/devices.list`);
  return typeof list === "string" ? parseDeviceList(list) : list;
});
const codeOf = remembered(({ code }: LoadedProgram) => (typeof code === "number" ? undefined : Uint8Array.fromHex(code)));

/** The v1 list: access is allowed if one line of it names all of it. No list: the cgroup is the root of its hierarchy, which denies nothing. */
function listAnswer(container: ContainerFacts, { type, major, minor, access }: DeviceRequest): DeviceAnswer {
  const list = listOf(container);
  if (list === undefined) return { answer: "allowed" };
  if (typeof list === "number") return { answer: "unknown", why: `devices.list: ${errnoName(list)}` };
  const { allowed, exceptions } = list;
  const named = exceptions.some((one) => one.type === type && matches(major, one.major) && matches(minor, one.minor) && (access & ~one.access) === 0);
  return { answer: allowed || named ? "allowed" : "denied" };
}

function programsAnswer({ devices: { programs } }: ContainerFacts, request: DeviceRequest): DeviceAnswer {
  if (typeof programs === "number") return { answer: "unknown", why: `the programs of its cgroup: ${errnoName(programs)}` };
  let doubt: string | undefined;
  for (const program of programs) {
    const { id, code } = program;
    const bytes = codeOf(program);
    const answer = bytes === undefined ? undefined : runDeviceProgram(bytes, request);
    if (answer === 0) return { answer: "denied" };
    if (answer === undefined) doubt ??= typeof code === "number" ? `program ${id} is not shown: ${errnoName(code)}` : `program ${id} does what is not understood here`;
  }
  return doubt === undefined ? { answer: "allowed" } : { answer: "unknown", why: doubt };
}

/** One that denies is enough; where none does, one that is not known leaves it open. */
export function deviceAnswer(container: ContainerFacts, request: DeviceRequest): DeviceAnswer {
  const { cgroups } = container;
  if (!cgroups.has("devices") && !cgroups.has("unified")) return { answer: "unknown", why: "its cgroups are not mounted where this user sees them" };
  const answers = [listAnswer(container, request), programsAnswer(container, request)];
  return answers.find(({ answer }) => answer === "denied") ?? answers.find(({ answer }) => answer === "unknown") ?? { answer: "allowed" };
}

/** Numbers that no driver has: who may use them may use every device there will be. */
const UNASSIGNED = [{ type: "c", major: 4000, minor: 77 }, { type: "b", major: 4000, minor: 77 }] as const;

/** Whether both kinds of devices are allowed that nobody would name in a rule. */
export function allDevices(container: ContainerFacts): DeviceAnswer {
  const answers = UNASSIGNED.map((device) => deviceAnswer(container, { ...device, access: READ_WRITE }));
  return answers.find(({ answer }) => answer === "allowed") ?? answers.find(({ answer }) => answer === "unknown") ?? { answer: "denied" };
}

const MOST_LETTERS = 200;

/** What was asked for an answer. */
export function deviceEvidence(container: ContainerFacts): Evidence[] {
  const { programs } = container.devices;
  const directory = container.cgroups.get("devices");
  const list = directory === undefined ? undefined : container.cgroupFiles.get(`${directory}/devices.list`);
  const unified = container.cgroups.get("unified") ?? "no v2 cgroup";
  const lines = typeof list === "string" ? list.replaceAll("\n", "; ").slice(0, MOST_LETTERS) : (list ?? "the root of its hierarchy");
  return [
    ...(directory === undefined ? [] : [evidenceOf(`${directory}/devices.list`, lines)]),
    ...(typeof programs === "number" ? [evidenceOf(`${unified} (BPF_PROG_QUERY)`, programs)] : []),
    ...(typeof programs === "object" && programs.length === 0 ? [saw(`${unified} (BPF_PROG_QUERY)`, "no program")] : []),
    ...(typeof programs === "number" ? [] : programs.map(({ id, name, code }) => evidenceOf(`device program ${id}`, typeof code === "number" ? code : `${name} ${code.length / 16} instructions`))),
  ];
}
