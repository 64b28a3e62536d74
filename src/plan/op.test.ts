/** op.ts against launcher/plan.h: the C compiler says what the launcher will see. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EVENT } from "../spec/event.ts";
import {
  argumentValue, CLIENT, DATA_BASE, FAILURE, FLAG, INPUT, KEEP, KIND, LOG_FORMAT, OP, PLAN, RECORD, register, REPORT, TELL, VISIT, WATCH,
} from "./op.ts";

const LAUNCHER = join(import.meta.dir, "../../launcher");
const folder = mkdtempSync(join(tmpdir(), "pidbox-op-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const members = (struct: string, names: readonly string[]): string[] => names.map((name) => `offsetof(struct ${struct}, ${snake(name)})`);

/** The values of C expressions over plan.h. */
function evaluate(expressions: readonly string[]): number[] {
  const [source, program] = [join(folder, "layout.c"), join(folder, "layout")];
  const lines = expressions.map((expression) => `printf("%lld\\n", (long long)(${expression}));`);
  writeFileSync(source, `#include <stdio.h>\n#include <stddef.h>\n#include "plan.h"\nint main(void) {\n${lines.join("\n")}\nreturn 0; }\n`);
  const compiler = Bun.spawnSync([process.env["CC"] ?? "cc", `-I${LAUNCHER}`, source, "-o", program], { stderr: "pipe" });
  if (compiler.exitCode !== 0) throw new Error(compiler.stderr.toString());
  return Bun.spawnSync([program]).stdout.toString().trim().split("\n").map(Number);
}

/** Every name in the table has the value of its expression. */
function expectSame(table: Readonly<Record<string, number>>, expressions: readonly string[]): void {
  expect(evaluate(expressions)).toEqual(Object.values(table));
}

describe("op.ts", () => {
  test("has the codes, flags and kinds of plan.h, and all of them", () => {
    expectSame(OP, Object.keys(OP).map((name) => `OP_${name}`));
    expectSame(FLAG, Object.keys(FLAG).map((name) => `FLAG_${name}`));
    expectSame(TELL, Object.keys(TELL).map((name) => `TELL_${name.toUpperCase()}`));
    expectSame(KIND, Object.keys(KIND).map((name) => `KIND_${name}`));
    expect(evaluate(["OP_COUNT"])).toEqual([Object.keys(OP).length]);
    const header = readFileSync(join(LAUNCHER, "plan.h"), "utf8");
    expect([...header.matchAll(/\bFLAG_[A-Z]+ = /g)]).toHaveLength(Object.keys(FLAG).length);
  });

  test("has the sizes and limits of plan.h", () => {
    expectSame(PLAN, ["PLAN_MAGIC", "PLAN_VERSION", "sizeof(struct plan_header)", "sizeof(struct plan_op)", "PLAN_MAX_OPS", "PLAN_MAX_PORTS", "NO_OP"]);
  });

  test("has the layout of the status file and of the supervisor's block", () => {
    const { size: _record, ...record } = RECORD;
    expectSame(RECORD, [...members("plan_record", Object.keys(record)), "sizeof(struct plan_record)"]);
    const { size: _watch, ...watch } = WATCH;
    expectSame(WATCH, [...members("plan_watch", Object.keys(watch)), "sizeof(struct plan_watch)"]);
    const { size: _keep, ...keep } = KEEP;
    expectSame(KEEP, [...members("plan_keep", Object.keys(keep)), "sizeof(struct plan_keep)"]);
    const { size: _client, ...client } = CLIENT;
    expectSame(CLIENT, [...members("plan_client", Object.keys(client)), "sizeof(struct plan_client)"]);
    expectSame(INPUT, Object.keys(INPUT).map((name) => `INPUT_${name.toUpperCase()}`));
    expectSame(LOG_FORMAT, Object.keys(LOG_FORMAT).map((name) => `LOG_${name.toUpperCase()}`));
  });

  test("has the places of an event's line", () => expectSame(EVENT, Object.keys(EVENT).map((name) => `EVENT_${name.toUpperCase()}`)));

  test("has the layout of an op that the writer takes for granted", () => {
    const names = ["code", "result", "flags", "kinds", "nr", "tolerated", "from", "args"];
    expect(evaluate(members("plan_op", names))).toEqual([0, 1, 2, 4, 6, 8, 12, 16]);
    expect(evaluate(members("plan_header", ["magic", "size", "op_offset", "relocation_offset", "data_offset", "on_failure", "fault"]))).toEqual([
      0, 8, 12, 20, 28, 36, 40,
    ]);
  });

  test("knows what the launcher reports instead of an errno, and where", () => {
    const source = readFileSync(join(LAUNCHER, "launcher.c"), "utf8");
    const defined = (name: string): number => Number(new RegExp(`#define ${name} (\\d+)`).exec(source)?.[1]);
    const visits = readFileSync(join(LAUNCHER, "client.c"), "utf8");
    const results = [/#define DETACHED (\d+)/, /#define LEFT (\d+)/].map((value) => Number(value.exec(visits)?.[1]));
    expect(results).toEqual([VISIT.detached, VISIT.left].map((byte) => 256 ** byte));
    expect({ expectation: defined("EXPECTATION"), fault: defined("FAULT") }).toEqual(REPORT);
    expect(Object.values(FAILURE).map(argumentValue)).toEqual([1, 2, 3]);
    expect(evaluate(["sizeof(struct plan_report)"])).toEqual([16]);
  });
});

describe("register()", () => {
  test("is told from a number and from an address of data", () => {
    expect([argumentValue(register(255)), argumentValue(DATA_BASE + 4096), argumentValue(-100), argumentValue(2 ** 49)]).toEqual([255, 4096, -100, 2 ** 49]);
  });
});
