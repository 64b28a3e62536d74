/** A plan as text that a person reads: one line an op, with the system call as strace(1) would write it and the config field behind it. Pure. */
import { printable, quote } from "../base/text.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { SYSCALLS_X64 } from "../kernel/abi/syscalls-x64.ts";
import { EVENT } from "../spec/event.ts";
import { flagText } from "./flag-names.ts";
import { cellAt, textAt, wordsAt } from "./decode.ts";
import type { Argument, DecodedOp, DecodedPlan } from "./decode.ts";
import { FLAG } from "./op.ts";

const SYSCALL_NAMES = Object.fromEntries(Object.entries(SYSCALLS_X64).map(([name, nr]) => [nr, name])) as Readonly<Record<number, string>>;

/** How many arguments of a call to show, and which of them are texts (t), flags (f:NAME), or words of a struct open_how (h). */
const SHAPES: Readonly<Record<string, string>> = {
  openat: "fd t open octal", openat2: "fd t how", mkdirat: "fd t octal", mknodat: "fd t octal n", unlinkat: "fd t at", symlinkat: "t fd t", fchmodat: "fd t octal",
  fchownat: "fd t n n", open_tree: "fd t tree", move_mount: "fd t fd t", fsopen: "t", fsconfig: "fd config t t", fsmount: "fd n attr", mount_setattr: "fd t at mattr",
  statx: "fd t at", write: "fd t n", chdir: "t", fchdir: "fd", umount2: "t n", pivot_root: "t t", sethostname: "t n", setdomainname: "t n",
  clone3: "", unshare: "clone", setns: "fd clone", close: "fd", close_range: "fd fd", prctl: "prctl n", dup3: "fd fd", socket: "n n n", ioctl: "fd hex",
  faccessat: "fd t n",
  setresuid: "n n n", setresgid: "n n n", setgroups: "n", execve: "t", execveat: "", umask: "octal", fchown: "fd n n", flock: "fd n", pwrite64: "fd",
};

/** Names of registers are not kept in a plan: `r12` is the value that an earlier line with `r12 =` gave. */
function plain(argument: Argument): string {
  if (argument.kind === "register") return `r${argument.value}`;
  return argument.kind === "data" ? `data+${argument.value}` : String(argument.value);
}

function show(plan: DecodedPlan, argument: Argument, shape: string): string {
  if (shape === "t" && argument.kind === "data") return quote(textAt(plan, argument.value), 120);
  if (shape === "how" && argument.kind === "data") return `{${flagText("open", cellAt(plan, argument.value))}, ${flagText("resolve", cellAt(plan, argument.value + 16))}}`;
  if (shape === "mattr" && argument.kind === "data") {
    const [set, clear, propagation] = [0, 8, 16].map((at) => cellAt(plan, argument.value + at)) as [number, number, number];
    const parts = [flagText("attr", set), clear === 0 ? "" : `clear ${flagText("attr", clear)}`, propagation === 0 ? "" : flagText("propagation", propagation)];
    return `{${parts.filter((part) => part !== "" && part !== "0").join(", ")}}`;
  }
  if (argument.kind !== "immediate") return plain(argument);
  if (shape === "octal") return `0${argument.value.toString(8)}`;
  if (shape === "hex") return `0x${argument.value.toString(16)}`;
  if (shape === "fd") return argument.value === -100 ? "AT_FDCWD" : String(argument.value);
  return flagText(shape, argument.value);
}

function callText(plan: DecodedPlan, op: DecodedOp): string {
  const name = SYSCALL_NAMES[op.nr] ?? `syscall ${op.nr}`;
  const shapes = (SHAPES[name] ?? "n n n n n n").split(" ").filter((s) => s !== "");
  const shown = op.args.slice(0, shapes.length).map((argument, i) => show(plan, argument, shapes[i] ?? "n"));
  if (SHAPES[name] === undefined) while (shown.length > 0 && shown.at(-1) === "0") shown.pop();
  return `${name}(${shown.join(", ")})`;
}

/** The op without its index: what it does. */
export function opText(plan: DecodedPlan, op: DecodedOp): string {
  const [a, b, c] = op.args.map(plain) as [string, string, string];
  switch (op.code) {
    case "SYSCALL": return callText(plan, op);
    case "CLONE": return `clone3(${flagText("clone", cellAt(plan, op.args[0]?.value ?? 0))}), child goes on at ${c}`;
    case "JUMP": return `go to ${a}`;
    case "JUMP_ERROR": return `if ${b} is an error, go to ${a}`;
    case "JUMP_SET": return `if ${b} is not 0, go to ${a}`;
    case "EXPECT": return `require ${b === "-1" ? a : `${a} & ${b}`} ${(op.flags & FLAG.NOT) === 0 ? "==" : "!="} ${c}`;
    case "LOAD": return `load ${b} bytes of ${a}`;
    case "STORE": return `store ${b} at ${a}`;
    case "DECIMAL": return `decimal text of ${b} at ${a}`;
    case "BITS": return `${SYSCALL_NAMES[op.nr] ?? op.nr}(${b}, n) for each bit n of ${a}`;
    case "EXECUTE": return `execve the first that exists of ${pathList(plan, op)}`;
    case "SUPERVISE": return "supervise until the container ends";
    case "KEEP": return "supervise until the container ends: write its log, serve its clients";
    case "CLIENT": return "be a client of the container until it ends";
    case "ADOPT": return `take process ${a} for the child`;
    case "INIT": return "be PID 1: reap, forward signals, end with the main child";
    case "EACH": return `for each of ${b} texts in r${op.result}, up to ${c}: ${tableTexts(plan, op)}`;
    case "SAME": return `require that ${c} bytes at ${a} are those at ${b}`;
    case "TELL": return `append to ${quote(textAt(plan, op.args[0]?.value ?? 0), 120)} ${tellText(plan, op)}`;
    case "COPY": return `copy what is in ${a} into ${b}`;
    case "FORWARD": return `relay connections to descriptors from ${c} on to ports ${wordsAt(plan, op.args[0]?.value ?? 0, op.args[1]?.value ?? 0).join(", ")} until the container ends`;
    case "EXIT": return `exit(${a})`;
  }
}

/** The line of an event without the digits that are filled in, and when it is written. */
function tellText(plan: DecodedPlan, op: DecodedOp): string {
  const [, head, size, when, tail] = op.args.map(({ value }) => value) as [number, number, number, number, number];
  const line = textAt(plan, head + EVENT.head, size - EVENT.head) + textAt(plan, tail).trimEnd();
  return `${["now", "when the program runs", "when it has ended"][when] ?? "never"}: {${printable(line.slice(2))}`;
}

function pathList(plan: DecodedPlan, op: DecodedOp): string {
  const paths: string[] = [];
  for (let at = op.args[0]?.value ?? 0; paths.length < 64; at += 8) {
    const pointer = cellAt(plan, at);
    if (pointer === 0) break;
    paths.push(quote(textAt(plan, pointer), 120));
  }
  return paths.join(", ");
}

/** The texts of a loop's table. */
export function tableTexts(plan: DecodedPlan, op: DecodedOp): string {
  const count = Math.min(op.args[1]?.value ?? 0, 64);
  return Array.from({ length: count }, (_, i) => quote(textAt(plan, cellAt(plan, (op.args[0]?.value ?? 0) + 8 * i)), 120)).join(", ");
}

/** One op as one line with its index, result register and what is tolerated. */
export function stepText(plan: DecodedPlan, op: DecodedOp): string {
  const result = op.result === 0 ? "" : `r${op.result} = `;
  const tolerated = op.tolerated.length === 0 ? "" : `  or ${op.tolerated.map(errnoName).join(", ")}`;
  return `${String(op.index).padStart(4)}  ${result}${opText(plan, op)}${tolerated}`;
}

/** The same as data, for `--format json`. */
export function explainData(plan: DecodedPlan): unknown {
  return {
    onFailure: plan.onFailure,
    ops: plan.ops.map((op) => ({
      index: op.index,
      from: op.from,
      does: opText(plan, op),
      result: op.result === 0 ? null : `r${op.result}`,
      tolerated: op.tolerated.map(errnoName),
    })),
  };
}

/** The whole plan, a heading for each config field. */
export function explain(plan: DecodedPlan): string {
  const lines: string[] = [];
  let from = "";
  for (const op of plan.ops) {
    if (op.index === plan.onFailure) lines.push("", "# if anything above failed");
    if (op.from !== from) lines.push("", `# ${op.from}`);
    from = op.from;
    lines.push(stepText(plan, op));
  }
  return `${lines.join("\n").trimStart()}\n`;
}
