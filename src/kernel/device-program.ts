/**
 * Device programs of v2 cgroups on the running kernel (bpf(2)): loading, attaching, and replacing one by another without a moment between.
 *
 * Needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, in the initial user namespace. Programs are told apart by the name that they were loaded with.
 */
import { BPF } from "./abi/constants.ts";
import { SYSCALLS } from "./abi/host.ts";
import { address, syscall } from "./ffi.ts";
import { close, O, open } from "./file.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const LICENSE = encoder.encode("Apache-2.0\0");

/** Loads a program; the caller owns the descriptor. Returns it or -errno. */
export function loadDeviceProgram(program: Uint8Array, name: string): number {
  const attributes = new Uint8Array(64);
  const view = new DataView(attributes.buffer);
  view.setUint32(0, BPF.PROG_TYPE_CGROUP_DEVICE, true);
  view.setUint32(4, program.length / 8, true);
  view.setBigUint64(8, BigInt(address(program)), true);
  view.setBigUint64(16, BigInt(address(LICENSE)), true);
  encoder.encodeInto(name.slice(0, 15), attributes.subarray(48));
  return syscall(SYSCALLS.bpf, BPF.PROG_LOAD, address(attributes), attributes.length);
}

function attach(cgroup: number, program: number, replaced: number | undefined): number {
  const attributes = new Uint32Array([cgroup, program, BPF.CGROUP_DEVICE, BPF.F_ALLOW_MULTI | (replaced === undefined ? 0 : BPF.F_REPLACE), replaced ?? 0]);
  return syscall(SYSCALLS.bpf, BPF.PROG_ATTACH, address(attributes), attributes.byteLength);
}

const MOST_PROGRAMS = 64;
/** The whole of union bpf_attr for BPF_PROG_QUERY: kernels from 6.17 on write its last field whatever size they are given. */
const QUERY_SIZE = 64;

/** Ids of the programs on a cgroup, or -errno. */
function queryPrograms(cgroup: number): number[] | number {
  const ids = new Uint32Array(MOST_PROGRAMS);
  const attributes = new Uint8Array(QUERY_SIZE);
  const view = new DataView(attributes.buffer);
  view.setUint32(0, cgroup, true);
  view.setUint32(4, BPF.CGROUP_DEVICE, true);
  view.setBigUint64(16, BigInt(address(ids)), true);
  view.setUint32(24, ids.length, true);
  const result = syscall(SYSCALLS.bpf, BPF.PROG_QUERY, address(attributes), attributes.length);
  return result < 0 ? result : [...ids.subarray(0, Math.min(view.getUint32(24, true), ids.length))];
}

const INFO = { size: 80, name: 64 } as const;

/** A descriptor of program `id` if it has this name, which the caller owns; or undefined. */
function openNamed(id: number, name: string): number | undefined {
  const selector = new Uint32Array([id]);
  const fd = syscall(SYSCALLS.bpf, BPF.PROG_GET_FD_BY_ID, address(selector), selector.byteLength);
  if (fd < 0) return undefined;
  // struct bpf_prog_info up to its name; in union bpf_attr: fd, length, address
  const info = new Uint8Array(INFO.size);
  const attributes = new Uint8Array(16);
  const view = new DataView(attributes.buffer);
  view.setUint32(0, fd, true);
  view.setUint32(4, info.length, true);
  view.setBigUint64(8, BigInt(address(info)), true);
  const result = syscall(SYSCALLS.bpf, BPF.OBJ_GET_INFO_BY_FD, address(attributes), attributes.length);
  const found = info.subarray(INFO.name, INFO.name + 16);
  if (result === 0 && decoder.decode(found.subarray(0, found.indexOf(0))) === name) return fd;
  close(fd);
  return undefined;
}

/** Puts `program` on the cgroup in the place of the one with the same name, or beside those with others. Returns 0 or -errno; then the old one stays. */
export function replaceDeviceProgram(directory: string, program: Uint8Array, name: string): number {
  const cgroup = open(directory, O.RDONLY | O.DIRECTORY);
  if (cgroup < 0) return cgroup;
  const ids = queryPrograms(cgroup);
  const loaded = typeof ids === "number" ? ids : loadDeviceProgram(program, name);
  let result = loaded;
  if (loaded >= 0) {
    const old = typeof ids === "number" ? undefined : ids.map((id) => openNamed(id, name)).find((fd) => fd !== undefined);
    result = attach(cgroup, loaded, old);
    if (old !== undefined) close(old);
    close(loaded);
  }
  close(cgroup);
  return Math.min(0, result);
}
