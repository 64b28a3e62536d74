/** A plan as straight-line C: the same system calls with the same arguments, and no interpreter. floor.c is the frame around it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { SYSCALLS } from "../src/kernel/abi/host.ts";
import { cellAt, decodePlan } from "../src/plan/decode.ts";
import type { Argument, DecodedOp, DecodedPlan } from "../src/plan/decode.ts";
import { FLAG, TELL } from "../src/plan/op.ts";
import { ROOT, run } from "./measure.ts";

/** Where the linker puts the plan's data, so that no pointer has to be computed when the program runs. */
const DATA_ADDRESS = 0x2000_0000;

/** Names of labels: a loop's body is written once for each round, with labels of its own. */
interface Round {
  readonly from: number;
  readonly to: number;
  readonly suffix: string;
}

const WHOLE: Round = { from: 0, to: Number.POSITIVE_INFINITY, suffix: "" };

function value(argument: Argument | undefined): string {
  if (argument === undefined) return "0";
  if (argument.kind === "register") return `r[${argument.value}]`;
  return argument.kind === "data" ? `${DATA_ADDRESS + argument.value}l` : `${argument.value}l`;
}

const label = (target: number, round: Round): string => `op_${target}${target >= round.from && target < round.to ? round.suffix : ""}`;
const jump = (argument: Argument | undefined, round: Round): string => `goto ${label(argument?.value ?? 0, round)};`;
const call = (nr: number, args: readonly string[]): string => `CALL(${[nr, ...args, ...Array.from({ length: 6 - args.length }, () => "0")].join(", ")})`;
const memory = (address: string, size: number): string => `*(uint${8 * size}_t *)(${address})`;

/** Stores the result and fails on an error that the op does not tolerate. */
function checked(op: DecodedOp, expression: string, also = ""): string {
  const tolerated = op.tolerated.map((errno) => ` && x != -${errno}`).join("");
  const check = (op.flags & FLAG.IGNORE) !== 0 ? "" : ` if (x < 0${tolerated}) fail(${op.index});${also}`;
  return `{ word x = ${expression};${op.result === 0 ? "" : ` r[${op.result}] = x;`}${check} }`;
}

function bits(op: DecodedOp): string {
  const [mask, first, ...rest] = op.args.slice(0, 5).map(value);
  const args = (op.flags & FLAG.FIRST) !== 0 ? ["n", first ?? "0", ...rest] : [first ?? "0", "n", ...rest];
  const wrong = (op.flags & FLAG.NOT) !== 0 ? "x != 0" : "x < 0";
  return `for (word n = 0; n < 64; n++) if ((uint64_t)${mask} >> n & 1) { word x = ${call(op.nr, args)}; if (${wrong}) fail(${op.index}); }`;
}

function execute(op: DecodedOp, plan: DecodedPlan): string {
  const [table, argv, envp] = op.args;
  const lines: string[] = [];
  for (let at = table?.value ?? 0; cellAt(plan, at) !== 0; at += 8) lines.push(`${call(SYSCALLS.execve, [`${DATA_ADDRESS + cellAt(plan, at)}l`, value(argv), value(envp)])};`);
  return `${lines.join(" ")} fail(${op.index});`;
}

/** C of one op; EACH is the caller's. */
function statement(op: DecodedOp, plan: DecodedPlan, round: Round): string {
  const args = op.args.map(value);
  const [a = "0", b = "0", c = "0"] = args;
  switch (op.code) {
    case "SYSCALL":
      if ((op.flags & FLAG.BUSY) !== 0) return checked(op, `busy(${op.nr}, ${a}, ${b}, ${c})`);
      if (op.nr === SYSCALLS.clone3) return checked(op, call(op.nr, args), " if (x == 0) { PROCESS(2) }");
      return checked(op, call(op.nr, args), (op.flags & FLAG.FULL) === 0 ? "" : ` if (x >= 0 && x != ${c}) fail(${op.index});`);
    case "CLONE":
      return `{ word x = ${call(SYSCALLS.clone3, [a, b])}; if (x < 0) fail(${op.index}); if (x == 0) { PROCESS(1) report_fd = ${args[3]}; ${jump(op.args[2], round)} } child = x; report_fd = ${args[4]}; r[${op.result}] = x; }`;
    case "JUMP": return jump(op.args[0], round);
    case "JUMP_ERROR": return `if (${b} < 0) ${jump(op.args[0], round)}`;
    case "JUMP_SET": return `if (${b}) ${jump(op.args[0], round)}`;
    case "EXPECT": return `if (((${a} & ${b}) == ${c}) == ${(op.flags & FLAG.NOT) === 0 ? 0 : 1}) fail(${op.index});`;
    case "LOAD": return `r[${op.result}] = (word)${memory(a, op.args[1]?.value ?? 8)};`;
    case "STORE": return `${memory(a, op.args[2]?.value ?? 8)} = (uint${8 * (op.args[2]?.value ?? 8)}_t)${b};`;
    case "DECIMAL": return `decimal((uint8_t *)${a}, (uint64_t)${b});`;
    case "BITS": return bits(op);
    case "EXECUTE": return execute(op, plan);
    case "SUPERVISE": return `r[${op.result}] = supervise(${b}, ${args[3]}, (struct plan_end *)${args[4]}, (struct plan_watch *)${args[5]});`;
    case "TELL": {
      const [path, head, size, when, rest, length] = args;
      return `events[${when}] = (struct event_line){ (const char *)${path}, { { (uint8_t *)${head}, ${size} }, { (uint8_t *)${rest}, ${length} } } };${op.args[3]?.value === TELL.now ? ` tell(${when}, now(), 0, 0);` : ""}`;
    }
    case "INIT": return `init(${a}, (struct plan_end *)${b});`;
    case "EXIT": return `WRITE_TRACE leave((int)${a});`;
    case "SAME":
    case "COPY": throw new Error("The plans of do and run copy nothing");
    case "ADOPT":
    case "CLIENT":
    case "FORWARD":
    case "KEEP": throw new Error(`op ${op.index}: the benchmark starts containers and waits for them`);
    case "EACH": throw new Error(`op ${op.index}: loops do not nest`);
  }
}

/** The body of floor.c's start(). Pure. */
export function floorSource(plan: DecodedPlan): string {
  const lines: string[] = [];
  const write = (op: DecodedOp, round: Round): void => void lines.push(`${label(op.index, round)}: __attribute__((unused)); NOTE(${op.index}) ${statement(op, plan, round)}`);
  for (let i = 0; i < plan.ops.length; i++) {
    const op = plan.ops[i] as DecodedOp;
    if (op.code !== "EACH") {
      write(op, WHOLE);
      continue;
    }
    const [table = 0, count = 0, end = 0] = op.args.map((argument) => argument.value);
    lines.push(`op_${i}: __attribute__((unused));`);
    for (let n = 0; n < count; n++) {
      lines.push(`r[${op.result}] = ${DATA_ADDRESS + cellAt(plan, table + 8 * n)}l;`);
      for (const inner of plan.ops.slice(i + 1, end)) write(inner, { from: i + 1, to: end, suffix: `_${n}` });
    }
    i = end - 1;
  }
  return `${lines.join("\n")}\n`;
}

/** The plan's data as the launcher leaves it after loading: offsets of data turned into addresses. Pure. */
export function floorData(bytes: Uint8Array, plan: DecodedPlan): Uint8Array {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = new Uint8Array(plan.data);
  const view = new DataView(data.buffer);
  // struct plan_header: relocation_offset and relocation_count are its words 5 and 6.
  const [table, count] = [header.getUint32(20, true), header.getUint32(24, true)];
  for (let n = 0; n < count; n++) {
    const at = header.getUint32(table + 4 * n, true);
    view.setBigUint64(at, view.getBigUint64(at, true) + BigInt(DATA_ADDRESS), true);
  }
  return data;
}

/** Compiles the floor of a plan to `path`. `folder` holds what is between. `trace`: it writes when each op began to stderr. */
export function buildFloor(bytes: Uint8Array, folder: string, path: string, trace = false): void {
  const plan = decodePlan(bytes);
  writeFileSync(join(folder, "floor-ops.inc"), floorSource(plan));
  writeFileSync(join(folder, "floor-data.bin"), floorData(bytes, plan));
  run([
    process.env["CC"] ?? "cc", "-std=gnu11", "-O2", "-static", "-nostdlib", "-nostartfiles", "-ffreestanding", "-fno-pie", "-no-pie", "-s", "-fno-stack-protector", "-w",
    `-I${folder}`, `-I${join(ROOT, "launcher")}`, `-Wa,-I${folder}`, `-Wl,--section-start=.plandata=0x${DATA_ADDRESS.toString(16)}`, "-Wl,--build-id=none",
    ...(trace ? ["-DTRACE"] : []),
    join(ROOT, "bench/floor.c"), "-o", path,
  ]);
}
