/**
 * Stage: interfaces of the host that go into the container's network namespace, with their permanent addresses, and up (config-linux.md, "Network
 * Devices"). The supervisor moves them, for they are the host's; the container does the rest. When it ends, the kernel has the say over them. Pure.
 */
import { PidboxError } from "../base/error.ts";
import { AF_INET, AF_NETLINK, OPEN, SOCK } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import type { NetDevice } from "./blueprint.ts";
import { openProcess } from "./identity.ts";
import type { Compilation } from "./names.ts";
import { addAddress, INDEX_AT, linkState, moveLink } from "./netlink.ts";

const SIOCGIFINDEX = 0x8933;
/** struct nlmsgerr lies behind the header of 16 bytes; its first member is the error. */
const ERROR_AT = 16;

/** A device of which only the kernel knows the name, for it is a pattern, is found by an index that is out of the way of those that the kernel gives. */
const FIRST_CHOSEN = 0x10_0000;

function chosenIndex(device: NetDevice): number | undefined {
  return device.name.includes("%") ? FIRST_CHOSEN + device.index : undefined;
}

const from = (device: NetDevice): string => `/linux/netDevices/${device.hostName}`;

function openSocket(c: Compilation): number {
  const socket = c.writer.register();
  c.writer.call(SYSCALLS.socket, AF_NETLINK, SOCK.RAW | SOCK.CLOEXEC, 0).into(socket);
  return socket;
}

/** Ops that send a message and take the kernel's answer to it, which must be 0. */
function ask(c: Compilation, socket: number, message: number, length: number): void {
  const { writer: w } = c;
  const answer = w.room(1024);
  const error = w.register();
  w.call(SYSCALLS.sendto, socket, message, length, 0, 0, 0);
  w.call(SYSCALLS.recvfrom, socket, answer, 1024, 0, 0, 0).load(error, answer + ERROR_AT, 4).expect(error, 0).release(error);
}

/** Supervisor's ops after clone. `joined` is the register of the network namespace that is joined. Throws CONFIG_INVALID. */
export function moveDevices(c: Compilation, pid: number, joined: number | undefined): void {
  const { writer: w, blueprint } = c;
  const devices = blueprint.netDevices ?? [];
  if (devices.length === 0) return;
  if (joined === undefined && blueprint.config.linux?.namespaces?.some(({ type, path }) => type === "user" && path !== undefined) === true) {
    throw new PidboxError("CONFIG_INVALID", "Cannot move network devices into a new network namespace of a user namespace that is joined", {
      hint: "Give the network namespace a path too", context: { from: "/linux/netDevices" },
    });
  }
  let namespace = joined ?? 0;
  if (joined === undefined) {
    const process = openProcess(c, pid);
    namespace = w.register();
    w.from("/linux/netDevices").call(SYSCALLS.openat, process, w.text("ns/net"), OPEN.RDONLY | OPEN.CLOEXEC).into(namespace).close(process);
  }
  w.from("/linux/netDevices");
  const socket = openSocket(c);
  for (const device of devices) {
    w.from(from(device));
    const down = linkState(device.index, false);
    ask(c, socket, w.bytes(down), down.length);
    const { bytes, namespaceAt } = moveLink(device.index, device.name, chosenIndex(device));
    const message = w.bytes(bytes);
    w.store(message + namespaceAt, namespace, 4);
    ask(c, socket, message, bytes.length);
  }
  w.close(socket);
  if (joined === undefined) w.close(namespace);
}

/** Container's ops in its network namespace: addresses, and up. */
export function raiseDevices(c: Compilation): void {
  const { writer: w, blueprint } = c;
  const devices = blueprint.netDevices ?? [];
  if (devices.length === 0) return;
  w.from("/linux/netDevices");
  const socket = openSocket(c);
  const [plain, index] = [w.register(), w.register()];
  w.call(SYSCALLS.socket, AF_INET, SOCK.DGRAM | SOCK.CLOEXEC, 0).into(plain);
  for (const device of devices) {
    w.from(from(device));
    const known = chosenIndex(device);
    if (known === undefined) {
      // struct ifreq: 16 bytes of name, then the index
      const request = w.room(40);
      w.fill(request, new TextEncoder().encode(device.name));
      w.call(SYSCALLS.ioctl, plain, SIOCGIFINDEX, request).load(index, request + 16, 4);
    } else {
      w.load(index, w.words(known), 4);
    }
    for (const bytes of [...device.addresses.map(addAddress), linkState(0, true)]) {
      const message = w.bytes(bytes);
      w.store(message + INDEX_AT, index, 4);
      ask(c, socket, message, bytes.length);
    }
  }
  w.close(socket, plain).release(index);
}
