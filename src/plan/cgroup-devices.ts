/** Stage: which devices the container may use, by the v1 devices controller or a program on its v2 cgroup (bpf(2)). Pure. */
import { BPF } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { Config, DeviceRule } from "../spec/runtime-config.ts";
import type { Blueprint } from "./blueprint.ts";
import { deviceProgram, INSTRUCTION_SIZE } from "./device-program.ts";
import { devicePolicy, deviceRules } from "./device-rules.ts";
import type { DevicePolicy } from "./device-rules.ts";
import type { HostFacts } from "./host-facts.ts";
import { hasOwnUsers } from "./mount-kind.ts";
import type { Compilation } from "./names.ts";

/** Nothing but the runtime's own devices and those that the config puts into the container. */
function ownDevices({ linux }: Config): DeviceRule[] {
  const nodes = (linux?.devices ?? []).flatMap(({ type, major, minor }): DeviceRule[] => {
    return type === "p" || major === undefined || minor === undefined ? [] : [{ allow: true, type: type === "b" ? "b" : "c", major, minor, access: "rwm" }];
  });
  return [{ allow: false }, ...nodes];
}

/**
 * The policy of a container, if it is to have one: every container of an OCI runtime, and others with the host's users. In a user namespace of its own nobody
 * can make a device node, and those that are mounted there cannot be opened. Only the real root can give a policy, and needs to: nobody else can make nodes,
 * or open any that they could not open outside. Throws CONFIG_INVALID.
 */
export function containerDevices(blueprint: Blueprint, facts: Pick<HostFacts, "privileged">): DevicePolicy | undefined {
  const { config, runtime } = blueprint;
  if (!facts.privileged) return undefined;
  if (runtime !== undefined || config.linux?.resources?.devices !== undefined) return devicePolicy(deviceRules(config));
  if (hasOwnUsers(blueprint)) return undefined;
  return devicePolicy(deviceRules({ linux: { ...config.linux, resources: { devices: ownDevices(config) } } }));
}

/** Name of pidbox's programs in `bpftool prog`; by it `update` finds the one to replace. */
export const DEVICE_PROGRAM_NAME = "pidbox_devices";
const LICENSE = "Apache-2.0";
const LOAD_SIZE = 64;
const ATTACH_SIZE = 20;

/** Ops that load the policy as a program and attach it to the v2 cgroup at register `dir`. Others on the same cgroup (systemd's) must agree, too. */
export function attachDeviceProgram(c: Compilation, dir: number, policy: DevicePolicy): void {
  const { writer: w } = c;
  // A cgroup without a program allows everything that those above it allow.
  if (policy.allowed && policy.exceptions.length === 0) return;
  const program = deviceProgram(policy);
  // union bpf_attr of BPF_PROG_LOAD: type, count of instructions, instructions, license, log level and size, log, kernel version, flags, name[16]
  const load = w.words(BPF.PROG_TYPE_CGROUP_DEVICE, program.length / INSTRUCTION_SIZE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...nameWords(DEVICE_PROGRAM_NAME));
  w.cell(load, 1, w.bytes(program));
  w.cell(load, 2, w.text(LICENSE));
  // of BPF_PROG_ATTACH: cgroup, program, type, flags, program to replace
  const attach = w.words(0, 0, BPF.CGROUP_DEVICE, BPF.F_ALLOW_MULTI, 0);
  const fd = w.register();
  w.call(SYSCALLS.bpf, BPF.PROG_LOAD, load, LOAD_SIZE).into(fd);
  w.store(attach, dir, 4).store(attach + 4, fd, 4).call(SYSCALLS.bpf, BPF.PROG_ATTACH, attach, ATTACH_SIZE).close(fd);
}

/** Up to 15 characters of ASCII as four words. */
function nameWords(name: string): number[] {
  const bytes = new Uint8Array(16);
  new TextEncoder().encodeInto(name.slice(0, 15), bytes);
  return [...new Int32Array(bytes.buffer)];
}
