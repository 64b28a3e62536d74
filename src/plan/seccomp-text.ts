/** A compiled filter as text for people: `--explain`, golden tests, and filters that other programs loaded. */
import { printable } from "../base/text.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS_ARM64 } from "../kernel/abi/syscalls-arm64.ts";
import { SYSCALLS_I386 } from "../kernel/abi/syscalls-i386.ts";
import { SYSCALLS_X64 } from "../kernel/abi/syscalls-x64.ts";
import { BPF, INSTRUCTION_BYTES, MAX_INSTRUCTIONS, SECCOMP_DATA } from "./cbpf.ts";
import { AUDIT_ARCH, SECCOMP_RETURN } from "./seccomp-action.ts";

const COMPARISONS: Readonly<Record<number, string>> = { [BPF.JEQ]: "==", [BPF.JGT]: ">", [BPF.JGE]: ">=", [BPF.JSET]: "&" };

const ARCHES: Readonly<Record<number, { readonly name: string; readonly table: Readonly<Record<string, number>> }>> = {
  [AUDIT_ARCH.x64]: { name: "x86_64", table: SYSCALLS_X64 },
  [AUDIT_ARCH.i386]: { name: "i386", table: SYSCALLS_I386 },
  [AUDIT_ARCH.arm64]: { name: "aarch64", table: SYSCALLS_ARM64 },
};

const hex = (value: number): string => `0x${value.toString(16)}`;

/** A return word as `ALLOW`, `ERRNO EPERM`, `TRACE 3`; an action that the kernel does not know kills the process. */
export function verdictText(word: number): string {
  const action = (word & 0xffff_0000) >>> 0;
  const value = word & 0xffff;
  if (action === SECCOMP_RETURN.SCMP_ACT_ERRNO) return value === 0 ? "ERRNO 0" : `ERRNO ${errnoName(value)}`;
  if (action === SECCOMP_RETURN.SCMP_ACT_KILL_THREAD) return "KILL_THREAD";
  const known = Object.entries(SECCOMP_RETURN).find(([, number]) => number === action);
  if (known === undefined) return `KILL_PROCESS (unknown action ${hex(action)})`;
  const name = known[0].slice("SCMP_ACT_".length);
  return value === 0 ? name : `${name} ${value}`;
}

function fieldText(offset: number): string {
  if (offset === SECCOMP_DATA.nr) return "nr";
  if (offset === SECCOMP_DATA.arch) return "arch";
  const part = offset & 4 ? "high" : "low";
  return offset < SECCOMP_DATA.args ? `ip.${part}` : `arg${(offset - SECCOMP_DATA.args) >> 3}.${part}`;
}

/**
 * One line per instruction, with targets as line numbers and, behind the search tree's comparisons, the syscall that begins the upper half.
 * Total: bytes that are no program of seccomp's give lines that say so; at most 4096 instructions are shown.
 */
export function disassemble(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = Math.floor(bytes.length / INSTRUCTION_BYTES);
  const count = Math.min(whole, MAX_INSTRUCTIONS);
  const lines: string[] = [];
  // What the accumulator holds at each line, as far as one pass forward can tell; and which ABI's numbers are compared there.
  const held: (string | undefined)[] = [];
  const abi: (number | undefined)[] = [];
  const flow = (target: number, what: string | undefined, arch: number | undefined): void => {
    if (target >= count) return;
    held[target] ??= what;
    abi[target] ??= arch;
  };
  for (let line = 0; line < count; line += 1) {
    const at = line * INSTRUCTION_BYTES;
    const code = view.getUint16(at, true);
    const k = view.getUint32(at + 4, true);
    const what = held[line] ?? "A";
    const arch = abi[line];
    let text: string;
    if (code === BPF.LD_ABS) {
      text = `load ${fieldText(k)}`;
      flow(line + 1, fieldText(k), arch);
    } else if (code === BPF.AND) {
      text = `and ${hex(k)}`;
      flow(line + 1, `${what} & ${hex(k)}`, arch);
    } else if (code === BPF.JA) {
      text = `goto ${line + 1 + k}`;
      flow(line + 1 + k, held[line], arch);
    } else if (code === BPF.RET) text = `return ${verdictText(k)}`;
    else if (Object.hasOwn(COMPARISONS, code)) {
      const [yes, no] = [line + 1 + view.getUint8(at + 2), line + 1 + view.getUint8(at + 3)];
      const isArch = what === "arch" && code === BPF.JEQ;
      const names = what === "nr" && arch !== undefined ? ARCHES[arch]?.table : undefined;
      const name = names === undefined ? undefined : Object.keys(names).find((key) => names[key] === k);
      const value = isArch ? (ARCHES[k]?.name ?? hex(k)) : what === "nr" && k < 0x1000 ? String(k) : hex(k);
      text = `if (${what.includes("&") ? `(${what})` : what} ${COMPARISONS[code] ?? ""} ${value}) goto ${yes}; else goto ${no}${name === undefined ? "" : `    ; ${name}`}`;
      flow(yes, held[line], isArch ? k : arch);
      flow(no, held[line], arch);
    } else text = `unknown instruction ${hex(code)} ${hex(k)}`;
    lines.push(`${String(line).padStart(4)}  ${text}`);
  }
  if (whole > count) lines.push(`      ${whole - count} more instructions`);
  if (bytes.length % INSTRUCTION_BYTES !== 0) lines.push(`      ${bytes.length % INSTRUCTION_BYTES} bytes that are no whole instruction`);
  return `${lines.map(printable).join("\n")}\n`;
}
