/**
 * The launcher against plans that nobody compiled: libFuzzer over the decoder and the run (launcher/harness.c), and the real program with damaged plans.
 * PIDBOX_FUZZ_SECONDS sets how long libFuzzer may take: 20 seconds by default, 3 in the smoke test.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launcherImage } from "../../src/engine/launch.ts";
import { SYSCALLS } from "../../src/kernel/abi/host.ts";
import { compile } from "../../src/plan/compile.ts";
import { argumentValue, CLIENT, FLAG, INPUT, KEEP, LOG_FORMAT, PLAN, TELL, WATCH } from "../../src/plan/op.ts";
import { PlanWriter } from "../../src/plan/writer.ts";
import { eventHead, eventTail } from "../../src/spec/event.ts";
import { bundleScene, doScene, HYBRID, ROOTLESS, rootlessScene, SUBORDINATE, terminalScene, UNIFIED } from "../fixtures/plan/scenes.ts";
import { needs } from "../parts.ts";

const HARNESS = join(import.meta.dir, "launcher/harness.c");
const LAUNCHER = join(import.meta.dir, "../../launcher");
const SECONDS = Number(process.env["PIDBOX_FUZZ_SECONDS"] ?? (process.env["PIDBOX_FUZZ"] === "smoke" ? 3 : 20));
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pidbox-launcher-"));
  chmodSync(folder, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [HEAD, TAIL] = [eventHead(["die"]), eventTail({ id: "a", attributes: {} })];

/** One of each op, few enough for a fuzzer to move about. */
function smallPlan(): Uint8Array {
  const w = new PlanWriter();
  const [a, b, page] = [w.register(), w.register(), w.register()];
  const [there, child, main] = [w.label(), w.label(), w.label()];
  w.from("test").call(SYSCALLS.mmap, 0, 4096, 3, 0x21, -1, 0).into(page);
  w.call(SYSCALLS.write, 1, w.text("text"), 4).flags(FLAG.FULL).tolerate(11, 4).call(SYSCALLS.unlinkat, 0, w.text("x")).flags(FLAG.BUSY | FLAG.IGNORE);
  w.forward([80, 443], 60, 59);
  w.tell("/events", HEAD, TAIL, TELL.now).same(w.text("text"), w.bytes(new TextEncoder().encode("text")), 4);
  w.load(a, w.cells(7), 8).store(w.room(8), a, 4).decimal(w.room(24), a).expect(a, 7, { mask: 255 }).expect(a, 8, { differs: true });
  w.bits(SYSCALLS.prctl, 0x300, 24).bits(SYSCALLS.rt_sigaction, a, w.room(32), 0, 8).flags(FLAG.FIRST | FLAG.IGNORE);
  w.each([w.text("one"), w.text("two")], (pointer) => w.call(SYSCALLS.openat, -100, pointer).into(b).tolerate(2).jumpError(there, b));
  w.place(there).clone(w.cells(0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88, child, 3, 5).into(b).supervise(b, 6, 5, 7, page, w.room(WATCH.size)).into(a);
  w.jumpSet(main, a).exit(0).place(child).clone(w.cells(0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88, main, 3, 0).into(b).init(b, page);
  w.place(main).execute(w.texts(["/bin/a", "/bin/b"]), w.texts(["a"]), w.texts([])).exit(1).exit(125);
  return w.finish(w.position - 1);
}

/** A container that starts and is supervised, with a terminal (descriptors 0) or without (-1), and its PID 1. */
function supervisedPlan(descriptor: 0 | -1): Uint8Array {
  const w = new PlanWriter();
  const [pid, page, code, child] = [w.register(), w.register(), w.register(), w.label()];
  const watch = w.room(WATCH.size);
  for (const at of [WATCH.status, WATCH.terminal, WATCH.output, WATCH.master, WATCH.guard]) w.store(watch + at, descriptor, 4);
  w.store(watch + WATCH.stopTimeout, 1, 4).call(SYSCALLS.mmap, 0, 4096, 3, 0x21, -1, 0).into(page);
  w.tell("/events", HEAD, TAIL, TELL.start).tell("/events", HEAD, TAIL, TELL.end);
  w.clone(w.cells(0), 88, child, 3, 5).into(pid).supervise(pid, 6, 5, 7, page, watch).into(code).tell("/events", HEAD, TAIL, TELL.now).exit(code);
  w.place(child).init(4, page).exit(125);
  return w.finish(w.position - 1);
}

/** A container that nobody waits for: its output and input are descriptors 0, a log is written in turns by three names, and clients come. */
function keptPlan(format: keyof typeof LOG_FORMAT, terminal: 0 | -1, logSize = 100): Uint8Array {
  const w = new PlanWriter();
  const [pid, page, code, child] = [w.register(), w.register(), w.register(), w.label()];
  const keep = w.room(KEEP.size);
  for (const at of [WATCH.terminal, WATCH.guard, KEEP.client, KEEP.logFile]) w.store(keep + at, -1, 4);
  w.store(keep + WATCH.master, terminal, 4).store(keep + KEEP.input, INPUT.once, 4).store(keep + KEEP.logFormat, LOG_FORMAT[format], 4);
  w.store(keep + KEEP.logSize, logSize, 8);
  w.call(SYSCALLS.mmap, 0, 4096, 3, 0x21, -1, 0).into(page).clone(w.cells(0), 88, child, 3, 5).into(pid);
  w.keep(6, 7, page, keep, ["log", "log.1", "log.2"]).into(code).exit(code);
  w.place(child).init(4, page).exit(125);
  return w.finish(w.position - 1);
}

/** A client of such a container, with a terminal or without. */
function clientPlan(terminal: boolean): Uint8Array {
  const w = new PlanWriter();
  const [code, client] = [w.register(), w.room(CLIENT.size)];
  w.store(client + WATCH.guard, -1, 4).store(client + CLIENT.tty, terminal ? 1 : 0, 4).store(client + CLIENT.pidfd, terminal ? -1 : 0, 4);
  w.store(client + CLIENT.keyCount, 2, 4).store(client + CLIENT.keys, 16, 1).store(client + CLIENT.keys + 1, 17, 1);
  w.client(7, client).into(code).exit(code).exit(125);
  return w.finish(w.position - 1);
}

/** The relay of so many published ports. */
function relayPlan(count: number): Uint8Array {
  const w = new PlanWriter();
  return w.forward(Array.from({ length: count }, (_, i) => i + 1), 60, 59).exit(0).exit(125).finish(1);
}

/** Ops that no answer stops. */
function tolerantPlan(): Uint8Array {
  const w = new PlanWriter();
  const a = w.register();
  w.bits(SYSCALLS.prctl, 0x300, 24).flags(FLAG.IGNORE).bits(SYSCALLS.rt_sigaction, 0xff00, w.room(32), 0, 8).flags(FLAG.FIRST | FLAG.IGNORE);
  w.each([w.text("one"), w.text("two")], (pointer) => w.call(SYSCALLS.unlinkat, -100, pointer).into(a).flags(FLAG.IGNORE | FLAG.BUSY));
  w.decimal(w.room(24), a).store(w.room(8), a, 8).execute(w.texts(["/bin/a", "/bin/b"]), w.texts(["a"]), w.texts([])).flags(FLAG.IGNORE).exit(125);
  return w.finish(w.position - 1);
}

const PLANS = [
  tolerantPlan(), supervisedPlan(0), supervisedPlan(-1), keptPlan("json", -1), keptPlan("cri", -1), keptPlan("json", 0), keptPlan("none", 0),
  keptPlan("cri", -1, 1), clientPlan(true), clientPlan(false), relayPlan(1), relayPlan(3),
  smallPlan(), compile(doScene(), HYBRID, { self: 3 }), compile(terminalScene(), HYBRID, { self: 5 }), compile(bundleScene(), UNIFIED, { self: 3 }),
  compile(rootlessScene(SUBORDINATE), ROOTLESS, { self: 3 }),
];

/** Input of the harness: length, plan, the kernel's answers. */
function seed(plan: Uint8Array, answers: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + plan.length + answers.length);
  new DataView(bytes.buffer).setUint32(0, plan.length, true);
  bytes.set(plan, 4);
  bytes.set(answers, 4 + plan.length);
  return bytes;
}

/** Builds the harness around the launcher, with this decoder where one is given; the path of the program. */
function build(name: string, decoder?: string): string {
  const [program, sources] = [join(folder, name), join(folder, `${name}-sources`)];
  cpSync(LAUNCHER, sources, { recursive: true });
  if (decoder !== undefined) writeFileSync(join(sources, "decode.c"), decoder);
  const flags = ["-std=gnu11", "-g", "-O1", "-fno-inline", "-DFUZZ", `-DLAUNCHER="${sources}/launcher.c"`, "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"];
  const result = Bun.spawnSync(["clang", ...flags, HARNESS, "-o", program], { stdout: "pipe", stderr: "pipe" });
  if (result.exitCode !== 0) throw new Error(result.stderr.toString());
  return program;
}

interface Campaign {
  readonly code: number;
  readonly log: string;
}

function fuzz(name: string, program: string, seconds: number): Campaign {
  const corpus = join(folder, `${name}-corpus`);
  mkdirSync(corpus);
  // All nothing, all one, two or four, all as much as asked for, and two mixtures; 200 and more are errors.
  const answers = [0, 1, 2, 4, 130].map((byte) => new Uint8Array(512).fill(byte));
  // Few small answers in many orders: something is ready, and there is a packet of each kind.
  for (let order = 0; order < 64; order++) answers.push(Uint8Array.from({ length: 2048 }, (_, i) => (((i + 1) * (2 * order + 1) * 0x9e37) >>> 7) % 3));
  for (const limit of [128, 200]) answers.push(Uint8Array.from({ length: 4096 }, (_, i) => (i * i * 37 + i * 11) % limit));
  PLANS.forEach((plan, i) => answers.forEach((answer, j) => writeFileSync(join(corpus, `${i}-${j}`), seed(plan, answer))));
  const result = Bun.spawnSync(
    [program, `-max_total_time=${seconds}`, "-seed=1", "-print_final_stats=1", "-print_coverage=1", "-timeout=10", "-max_len=131072", `-artifact_prefix=${folder}/`, corpus],
    { stdout: "pipe", stderr: "pipe", env: { ASAN_OPTIONS: "detect_leaks=1", UBSAN_OPTIONS: "print_stacktrace=1" } },
  );
  return { code: result.exitCode, log: result.stderr.toString() };
}

describe("launcher.c under libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer", () => {
  needs("libfuzzer")("survives any plan and any answer of the kernel", () => {
    const { code, log } = fuzz("real", build("real"), SECONDS);
    expect(code === 0 ? "" : log.slice(-6000)).toBe("");
    expect(Number(/number_of_executed_units: (\d+)/.exec(log)?.[1] ?? 0)).toBeGreaterThan(1000);
    // Each part was reached, not the decoder's refusals alone.
    const covered = [...log.matchAll(/^COVERED_FUNC: hits: \d+ edges: \d+\/\d+ (\w+)/gm)].map((match) => match[1] ?? "");
    expect(covered).toEqual(expect.arrayContaining([
      "decode", "valid_op", "run", "step", "plain_call", "each_bit", "execute", "fail", "supervise", "pass_signal", "pump", "collect", "init",
      "keep_container", "log_entry", "put_json", "put_time", "rotate_log", "commit_log", "offer", "admit", "hear", "feed", "end_of_client", "part",
      "tell", "fill_digits", "run_visit", "take_packets", "give_output", "read_input", "press", "take_signal", "send_input",
      "forward_ports", "accept_one", "dial", "dialled", "move", "attention", "attend", "drop", "waiting_time",
    ]));
  }, (SECONDS + 60) * 1000);

  needs("libfuzzer")("is found out when the decoder checks no offset", () => {
    const source = readFileSync(join(LAUNCHER, "decode.c"), "utf8");
    const blind = source.replace("return offset <= size && length <= size - offset;", "return offset <= ~length || size;");
    expect(blind).not.toBe(source);
    // Either may be the first to see it: an access outside, or an address that no object has.
    expect(fuzz("blind", build("blind", blind), 30).log).toMatch(/^SUMMARY: (Address|UndefinedBehavior)Sanitizer: /m);
  });
});

/** `plan` with its first op failing on purpose and its last, exit(125), as the clean-up: whatever else it says, it may do nothing. */
function harmless(plan: Uint8Array): Uint8Array {
  const bytes = plan.slice();
  const view = new DataView(bytes.buffer);
  view.setUint32(36, view.getUint32(16, true) - 1, true);
  view.setUint32(40, 0, true);
  return bytes;
}

/** Starts the launcher with this plan, as nobody where the test is root. */
function start(plan: Uint8Array): { code: number | null; signal: NodeJS.Signals | number | null } {
  const file = join(folder, "image");
  writeFileSync(file, launcherImage(plan), { mode: 0o755 });
  const drop = process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
  const result = Bun.spawnSync([...drop, file], { stdin: "ignore", stdout: "ignore", stderr: "ignore", env: {} });
  return { code: result.exitCode, signal: result.signalCode ?? null };
}

const DEAD = { code: 125, signal: null };

describe("the launcher", () => {
  test("ends with 125 for each plan whose first op fails, and does what a sound plan says", () => {
    for (const plan of PLANS) expect(start(harmless(plan))).toEqual(DEAD);
    expect(start(new PlanWriter().exit(7).finish(0))).toEqual({ code: 7, signal: null });
  });

  test("ends with 125 for damaged plans, wherever the damage is", () => {
    const small = harmless(smallPlan());
    const last = PLAN.headerSize + (new DataView(small.buffer).getUint32(16, true) - 1) * PLAN.opSize;
    const kept = (at: number): boolean => (at >= 36 && at < 44) || (at >= last && at < last + PLAN.opSize);
    const word = fc.oneof(
      fc.constantFrom(0, 1, 7, 8, 63, 64, 255, 256, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff),
      fc.nat(0xffff),
      fc.integer({ min: 0, max: 0xffffffff }),
    );
    const damage = fc.array(fc.tuple(fc.oneof(fc.nat(15), fc.nat(small.length / 4 - 1)), word), { minLength: 1, maxLength: 6 });
    fc.assert(fc.property(damage, (words) => {
      const plan = small.slice();
      const view = new DataView(plan.buffer);
      for (const [at, value] of words) if (!kept(4 * at)) view.setUint32(4 * at, value, true);
      expect(start(plan)).toEqual(DEAD);
    }), { numRuns: process.env["PIDBOX_FUZZ"] === "smoke" ? 60 : 400 });
  });

  test("ends with 125 for plans that are cut off", () => {
    const small = harmless(smallPlan());
    for (const length of [PLAN.headerSize, 100, 1000, small.length - 8, small.length - 4096]) {
      if (length > 0) expect(start(small.slice(0, length))).toEqual(DEAD);
    }
  });

  test("refuses parts that overlap, so that no op is changed after it was checked", () => {
    for (const [field, value] of [[12, 0], [20, PLAN.headerSize], [28, 0], [28, PLAN.headerSize]] as const) {
      const plan = new PlanWriter().call(SYSCALLS.getpid).exit(0).finish(1);
      new DataView(plan.buffer).setUint32(field, value, true);
      expect([field, value, start(plan)]).toEqual([field, value, DEAD]);
    }
  });

  test("refuses to write the last cell of the data, which ends every list", () => {
    const w = new PlanWriter();
    const at = w.cells(0);
    const plan = w.store(at, 1, 8).exit(0).finish(1);
    const view = new DataView(plan.buffer);
    expect(start(plan)).toEqual({ code: 0, signal: null });
    view.setUint32(PLAN.headerSize + 16, view.getUint32(32, true) - 8, true);
    expect(view.getUint32(PLAN.headerSize + 16, true)).toBeGreaterThan(argumentValue(at));
    expect(start(plan)).toEqual(DEAD);
  });

  needs("strace")("makes no call but its check and its exit for a plan that it refuses", () => {
    const file = join(folder, "refused");
    const plan = new PlanWriter().call(SYSCALLS.getpid).exit(0).finish(1);
    new DataView(plan.buffer).setUint32(4, 99, true);
    writeFileSync(file, launcherImage(plan), { mode: 0o755 });
    const trace = Bun.spawnSync(["strace", "-f", "-qq", file], { stdout: "ignore", stderr: "pipe" }).stderr.toString();
    expect(trace.match(/^\w+/gm)).toEqual(["execve", "msync", "exit_group"]);
  });

  test("gives a helper that a plan forks none of the supervisor's duties", () => {
    const w = new PlanWriter();
    const [parent, found] = [w.label(), w.register()];
    const status = w.cells(0);
    // The child fails at op 2; the clean-up would end with 9, which wait4 must not see.
    w.call(SYSCALLS.clone3, w.cells(0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88).into(found).jumpSet(parent, found).call(SYSCALLS.close, 9999).exit(1);
    w.place(parent).call(SYSCALLS.wait4, found, status, 0).load(found, status, 4).expect(found, 125 * 256).exit(0).exit(9);
    expect(start(w.finish(w.position - 1))).toEqual({ code: 0, signal: null });
  });

  test("is one static ELF file below 64 KB without a segment that is writable and executable", () => {
    const path = join(import.meta.dir, "../../build/launcher");
    expect(statSync(path).size).toBeLessThan(64 * 1024);
    const elf = new DataView(readFileSync(path).buffer);
    const segments = Array.from({ length: elf.getUint16(56, true) }, (_, i) => Number(elf.getBigUint64(32, true)) + 56 * i).map((at) => ({
      type: elf.getUint32(at, true), flags: elf.getUint32(at + 4, true),
    }));
    const [LOAD, DYNAMIC, INTERPRETER, STACK] = [1, 2, 3, 0x6474e551];
    expect(elf.getUint16(16, true)).toBe(2); // ET_EXEC
    expect(segments.filter(({ type }) => type === DYNAMIC || type === INTERPRETER)).toEqual([]);
    expect(segments.filter(({ flags }) => (flags & 3) === 3)).toEqual([]);
    expect(segments.filter(({ type, flags }) => type === LOAD && (flags & 1) === 1)).toHaveLength(1);
    expect(segments.filter(({ type }) => type === STACK)).toEqual([{ type: STACK, flags: 6 }]);
  });
});
