/**
 * What a network namespace has, by the files of /proc/PID/net of a process in it: nothing is entered, and no socket is made.
 *
 * Trusts: the kernel's tables (proc_pid_net(5)). An attacker controls: names of abstract sockets, how many sockets and routes there are.
 */
import { readText } from "../kernel/file.ts";
import type { NetworkFacts, SocketFacts } from "./facts.ts";

const LIMIT = 8 << 20;
const MOST = 5000;
const LISTENING = "0A";
const UNBOUND_UDP = "07";

/** Lines below the head of a table. */
function rows(text: string): string[] {
  return text.split("\n", MOST).slice(1).filter((line) => line.trim() !== "");
}

/** An address of /proc/net/tcp: groups of four bytes, each in the machine's order. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/[0-9A-F]{8}/g) ?? []).flatMap((word) => [6, 4, 2, 0].map((at) => Number.parseInt(word.slice(at, at + 2), 16)));
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16));
  const text = groups.join(":");
  return text === "0:0:0:0:0:0:0:0" ? "::" : text === "0:0:0:0:0:0:0:1" ? "::1" : text;
}

/** Sockets of a tcp or udp table that wait for others. Lines that are not in the kernel's form are left out. */
export function parseListeners(protocol: "tcp" | "udp", text: string): SocketFacts[] {
  return rows(text).flatMap((line): SocketFacts[] => {
    const match = /^\s*[0-9]+: ([0-9A-F]{8}(?:[0-9A-F]{24})?):([0-9A-F]{4}) [0-9A-F:]+ ([0-9A-F]{2}) \S+ \S+ \S+\s+[0-9]+\s+[0-9]+ ([0-9]+)/.exec(line);
    const [, address, port, state, inode] = match ?? [];
    if (address === undefined || port === undefined || inode === undefined) return [];
    if (state !== (protocol === "tcp" ? LISTENING : UNBOUND_UDP)) return [];
    return [{ protocol, address: addressOf(address), port: Number.parseInt(port, 16), inode: Number(inode) }];
  });
}

/** Interfaces of /proc/net/dev. */
export function parseInterfaces(text: string): string[] {
  return text.split("\n", MOST).slice(2).flatMap((line) => {
    const name = /^\s*([^\s:]+):/.exec(line)?.[1];
    return name === undefined ? [] : [name];
  });
}

/** Interfaces with a default route, and the gateways (dotted, `0.0.0.0` for none) of /proc/net/route. */
export function parseDefaultRoutes(text: string): { readonly interface: string; readonly gateway: string }[] {
  return rows(text).flatMap((line) => {
    const [name, destination, gateway, , , , , mask] = line.split("\t");
    if (name === undefined || gateway === undefined || destination !== "00000000" || mask !== "00000000" || !/^[0-9A-F]{8}$/.test(gateway)) return [];
    return [{ interface: name, gateway: addressOf(gateway) }];
  });
}

/** Abstract names of /proc/net/unix, as the kernel prints them: `@` stands for NUL. Each once. */
export function parseAbstractNames(text: string): string[] {
  const names = rows(text).flatMap((line) => {
    const name = /^[0-9a-f]+: [0-9A-F]+ [0-9A-F]+ [0-9A-F]+ [0-9A-F]+ [0-9A-F]+ +[0-9]+ (@.*)$/.exec(line)?.[1];
    return name === undefined ? [] : [name];
  });
  return [...new Set(names)].slice(0, 200);
}

/** The network namespace of a process; memory of namespaces that were read is the caller's. */
export function readNetwork(pid: number): NetworkFacts {
  const text = (name: string): string | number => readText(`/proc/${pid}/net/${name}`, LIMIT);
  const parsed = <T>(name: string, parse: (content: string) => readonly T[]): readonly T[] | number => {
    const content = text(name);
    return typeof content === "number" ? content : parse(content);
  };
  const tables = [["tcp", "tcp"], ["tcp", "tcp6"], ["udp", "udp"], ["udp", "udp6"]] as const;
  const sockets = tables.map(([protocol, name]) => parsed(name, (content) => parseListeners(protocol, content)));
  const dark = sockets.find((found) => typeof found === "number" && found !== -2);
  return {
    interfaces: parsed("dev", parseInterfaces), routes: parsed("route", parseDefaultRoutes), abstractNames: parsed("unix", parseAbstractNames),
    listeners: typeof dark === "number" ? dark : sockets.flatMap((found) => (typeof found === "number" ? [] : found)),
    packetSockets: parsed("packet", rows),
  };
}
