import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { doScene, HYBRID, rootlessScene, OWN_ID, runScene, UNIFIED, withConfig } from "../../test/fixtures/plan/scenes.ts";
import type { Blueprint } from "../plan/blueprint.ts";
import { compile, compileBody } from "../plan/compile.ts";
import type { HostFacts } from "../plan/host-facts.ts";
import { withNames, withoutNames } from "../plan/template.ts";
import type { Names } from "../plan/template.ts";
import { decodeEntry, encodeEntry, keptPlan, keptPlans, keyOf, planFor } from "./plan-cache.ts";
import type { Entry, PlanRequest } from "./plan-cache.ts";

const uid = process.getuid?.() ?? 0;
const FACTS: HostFacts = { ...HYBRID, uid };
const SCENE: Names = { id: doScene().id, range: 0x4000_0000 };
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "pidbox-plans-"));
});
afterEach(() => rmSync(root, { recursive: true }));

let count = 0;
/** A start of a container of its own. */
function start(blueprint: Blueprint = doScene(), facts: HostFacts = FACTS): PlanRequest {
  count++;
  const names = { id: new Bun.CryptoHasher("sha256").update(String(count)).digest("hex"), range: 0x4000_0000 + 65536 * count };
  const { seccomp, ...rest } = blueprint;
  const own = JSON.parse(withNames(withoutNames(JSON.stringify(rest), SCENE), names)) as Blueprint;
  return { blueprint: { ...own, ...(seccomp === undefined ? {} : { seccomp }) }, facts, names, options: { self: 3 } };
}

const fresh = ({ blueprint, facts, options }: PlanRequest): Buffer => Buffer.from(compile(blueprint, facts, options));
const kept = async (request: PlanRequest, build = "b1"): Promise<Buffer> => Buffer.from((await keptPlan(root, request, build)).plan);
const files = (): string[] => keptPlans(root);

/** Starts until there is an entry and nothing else; its file. */
async function warm(): Promise<string> {
  rmSync(join(root, "plans"), { recursive: true, force: true });
  for (let n = 0; n < 2; n++) await kept(start());
  expect(files()).toHaveLength(1);
  return files()[0] ?? "";
}

/** Whether a start takes what is in the file: one that says so by a program of its own. */
async function isTaken(file: string, request: PlanRequest, build = "b1"): Promise<boolean> {
  const key = keyOf(start(), "b1");
  const entry = decodeEntry(readFileSync(file), key);
  if (entry === undefined) throw new Error("there is no entry");
  const other = compileBody(runScene(), FACTS, { self: 3 });
  const bytes = encodeEntry(key, { ...entry, body: other.bytes, programOp: other.programOp, slots: { ids: [], shortIds: [], ranges: [], sums: [] } });
  const before = readFileSync(file);
  writeFileSync(file, bytes);
  const taken = !(await kept(request, build)).equals(fresh(request));
  if (existsSync(file)) writeFileSync(file, before);
  return taken;
}

describe("keptPlan()", () => {
  test("gives what compile() gives, the first time, the second, from what was kept, and for any program", async () => {
    for (const [blueprint, facts] of [[doScene(), FACTS], [runScene(), { ...UNIFIED, uid }], [rootlessScene(OWN_ID), FACTS]] as const) {
      for (const args of [["true"], ["sh", "-c", "echo \u00e9 \ud83d\ude00"], ["/bin/x", "true"], ["true"]]) {
        const request = start(withConfig(blueprint, { process: { args, env: ["PATH=/x:/y", `N=${args.length}`] } }), facts);
        const { plan, cgroups } = await keptPlan(root, request, "b1");
        expect(Buffer.from(plan).equals(fresh(request))).toBe(true);
        expect(cgroups).toEqual(compileBody(request.blueprint, facts, request.options).cgroups);
      }
    }
  });

  test("keeps a sign of the first start, a body from the second on, for the owner only", async () => {
    await kept(start());
    const [file = ""] = files();
    expect(statSync(file).size).toBe(16);
    await kept(start());
    const made = statSync(file);
    expect(made.size).toBeGreaterThan(20_000);
    expect([statSync(join(root, "plans")).mode & 0o777, made.mode & 0o777]).toEqual([0o700, 0o600]);
    expect(await isTaken(file, start())).toBe(true);
    expect(await isTaken(file, start(withConfig(doScene(), { process: { args: ["other"] } })))).toBe(true);
    expect(files()).toEqual([file]);
  });

  test("takes nothing for another build, host, flag or fd", async () => {
    const facts: readonly Partial<HostFacts>[] = [
      { landlockAbi: 6 }, { procMasked: true }, { cgroups: HYBRID.cgroups.toReversed() }, { lastCapability: 41 }, { kernel: [6, 17] },
    ];
    for (const other of facts) expect(await isTaken(await warm(), start(doScene(), { ...FACTS, ...other }))).toBe(false);
    expect(await isTaken(await warm(), start(), "b2")).toBe(false);
    expect(await isTaken(await warm(), { ...start(), options: { self: 7 } })).toBe(false);
    const others: readonly Blueprint[] = [
      { ...doScene(), landlock: false }, { ...doScene(), degraded: ["idmap"] }, { ...doScene(), seccomp: { name: "strict", filter: new Uint8Array(8) } },
      withConfig(doScene(), { hostname: "other" }), withConfig(doScene(), { process: { noNewPrivileges: false } }),
    ];
    for (const other of others) expect(await isTaken(await warm(), start(other))).toBe(false);
  });

  test("takes nothing that is damaged", async () => {
    const file = await warm();
    const whole = readFileSync(file);
    await fc.assert(fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), async (at, change, cut) => {
      const bytes = Buffer.from(cut ? whole.subarray(0, at) : whole);
      if (!cut) bytes[at] = (bytes[at] ?? 0) ^ change;
      writeFileSync(file, bytes);
      const request = start();
      expect((await kept(request)).equals(fresh(request))).toBe(true);
    }), { numRuns: 150 });
  });

  test("takes no file that others may write or read, and no link", async () => {
    const file = await warm();
    chmodSync(file, 0o644);
    expect(await isTaken(file, start())).toBe(false);
    const again = await warm();
    renameSync(again, join(root, "elsewhere"));
    symlinkSync(join(root, "elsewhere"), again);
    expect(await isTaken(again, start())).toBe(false);
    expect(await isTaken(await warm(), start(doScene(), { ...FACTS, uid: uid + 1 }))).toBe(false);
  });

  test("starts where nothing can be kept", async () => {
    writeFileSync(join(root, "plans"), "");
    for (let n = 0; n < 3; n++) {
      const request = start();
      expect((await kept(request)).equals(fresh(request))).toBe(true);
    }
    expect(readdirSync(root)).toEqual(["plans"]);
  });

  test("keeps a bounded number of files, and leaves no unfinished one", async () => {
    for (let n = 0; n < 100; n++) await kept(start(withConfig(doScene(), { hostname: `host-${n % 50}` })));
    expect(files().length).toBeLessThanOrEqual(32);
    expect(files().every((file) => /\/plans\/[0-9]+$/.test(file))).toBe(true);
  });
});

describe("planFor()", () => {
  test("keeps nothing outside of /run, where a container may have been let in", async () => {
    for (let n = 0; n < 3; n++) {
      const request = start();
      expect(Buffer.from((await planFor(root, request)).plan).equals(fresh(request))).toBe(true);
    }
    expect(readdirSync(root)).toEqual([]);
  });
});

describe("decodeEntry()", () => {
  test("gives back what encodeEntry() was given, for this key alone", () => {
    const numbers = fc.array(fc.nat(60_000));
    const entries: fc.Arbitrary<Entry> = fc.record({
      body: fc.uint8Array().map((bytes) => new Uint8Array(bytes)), programOp: fc.integer({ min: -1, max: 8192 }), cgroups: fc.string(),
      slots: fc.record({ ids: numbers, shortIds: numbers, ranges: numbers, sums: fc.array(fc.tuple(fc.nat(), fc.nat())) }),
    });
    fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.string(), entries, (key, other, entry) => {
      const bytes = encodeEntry(key, entry);
      expect(decodeEntry(bytes, key)).toEqual(entry);
      if (other !== key) expect(decodeEntry(bytes, other)).toBeUndefined();
    }));
  });

  test("gives nothing for any other bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), (bytes, key) => {
      expect(decodeEntry(bytes, key)).toBeUndefined();
    }));
  });
});
