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

/** Ids of the programs on a cgroup, or -errno; with `effective` all that are asked of its processes, also those of the cgroups above it. */
function queryPrograms(cgroup: number, effective = false): number[] | number {
  const ids = new Uint32Array(MOST_PROGRAMS);
  const attributes = new Uint8Array(QUERY_SIZE);
  const view = new DataView(attributes.buffer);
  view.setUint32(0, cgroup, true);
  view.setUint32(4, BPF.CGROUP_DEVICE, true);
  view.setUint32(8, effective ? BPF.F_QUERY_EFFECTIVE : 0, true);
  view.setBigUint64(16, BigInt(address(ids)), true);
  view.setUint32(24, ids.length, true);
  const result = syscall(SYSCALLS.bpf, BPF.PROG_QUERY, address(attributes), attributes.length);
  return result < 0 ? result : [...ids.subarray(0, Math.min(view.getUint32(24, true), ids.length))];
}

/** Of struct bpf_prog_info: length and address of the translated instructions, name; up to the end of the name. */
const INFO = { size: 80, lengthAt: 20, codeAt: 32, name: 64 } as const;

/** A descriptor of program `id`, which the caller owns, or -errno. */
function openProgram(id: number): number {
  const selector = new Uint32Array([id]);
  return syscall(SYSCALLS.bpf, BPF.PROG_GET_FD_BY_ID, address(selector), selector.byteLength);
}

/** Fills `info`, a struct bpf_prog_info as far as it goes. Returns 0 or -errno. */
function readInfo(fd: number, info: Uint8Array): number {
  // in union bpf_attr: fd, length, address
  const attributes = new Uint8Array(16);
  const view = new DataView(attributes.buffer);
  view.setUint32(0, fd, true);
  view.setUint32(4, info.length, true);
  view.setBigUint64(8, BigInt(address(info)), true);
  return syscall(SYSCALLS.bpf, BPF.OBJ_GET_INFO_BY_FD, address(attributes), attributes.length);
}

function nameOf(info: Uint8Array): string {
  const found = info.subarray(INFO.name, INFO.name + 16);
  return decoder.decode(found.subarray(0, found.indexOf(0)));
}

/** A descriptor of program `id` if it has this name, which the caller owns; or undefined. */
function openNamed(id: number, name: string): number | undefined {
  const fd = openProgram(id);
  if (fd < 0) return undefined;
  const info = new Uint8Array(INFO.size);
  if (readInfo(fd, info) === 0 && nameOf(info) === name) return fd;
  close(fd);
  return undefined;
}

/** A device program as it runs. Accesses to its context are not rewritten by the kernel (cg_dev_verifier_ops has no convert_ctx_access). */
export interface LoadedProgram {
  readonly id: number;
  readonly name: string;
  /** Instructions as hexadecimal digits, or -errno; -1 (EPERM) where the kernel keeps them back. */
  readonly code: string | number;
}

const EPERM = -1;
const EFBIG = -27;
/** BPF_MAXINSNS of a program without privileges is 4096; those that engines make have a few hundred. */
const LONGEST = 64 * 1024;

/** Reads a program by its id, or gives -errno. */
export function readDeviceProgram(id: number): LoadedProgram | number {
  const fd = openProgram(id);
  if (fd < 0) return fd;
  try {
    const info = new Uint8Array(INFO.size);
    const result = readInfo(fd, info);
    if (result < 0) return result;
    const length = new DataView(info.buffer).getUint32(INFO.lengthAt, true);
    const name = nameOf(info);
    if (length === 0 || length > LONGEST) return { id, name, code: length === 0 ? EPERM : EFBIG };
    const code = new Uint8Array(length);
    const request = new Uint8Array(INFO.size);
    const view = new DataView(request.buffer);
    view.setUint32(INFO.lengthAt, length, true);
    view.setBigUint64(INFO.codeAt, BigInt(address(code)), true);
    const filled = readInfo(fd, request);
    // The kernel sets the address to nothing where it does not show addresses to this user and the program was hardened.
    const shown = filled === 0 && view.getBigUint64(INFO.codeAt, true) !== 0n;
    return { id, name, code: shown ? code.toHex() : Math.min(filled, EPERM) };
  } finally {
    close(fd);
  }
}

/** Ids of the device programs that are asked of processes in the cgroup at `directory`: all of them must allow. Or -errno. */
export function effectiveDevicePrograms(directory: string): number[] | number {
  const cgroup = open(directory, O.RDONLY | O.DIRECTORY);
  if (cgroup < 0) return cgroup;
  const ids = queryPrograms(cgroup, true);
  close(cgroup);
  return ids;
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
