import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { decodePlan } from "./decode.ts";
import { checksum, encodeKnownStart, KNOWN_MAGIC } from "./known-start.ts";
import type { KnownStart } from "./known-start.ts";

const NONE = { ids: [], shortIds: [], ranges: [], sums: [] };
const SOURCE = readFileSync(join(import.meta.dir, "../../launcher/known.h"), "utf8");

function start(changes: Partial<KnownStart> = {}): KnownStart {
  return {
    words: ["do", "--rw", "."], directory: "/srv", environment: ["PATH=/bin", "LANG"], directories: ["/bin", "."],
    misses: 3, ranged: true, self: 5, sealExec: true, json: 512,
    observations: [{ nr: SYSCALLS.geteuid, args: [], result: 0, opens: false, answers: [] }],
    image: { bytes: new Uint8Array(4096).fill(7), slots: { ids: [100], shortIds: [200], ranges: [300], sums: [[400, 3]] }, created: [] },
    state: { bytes: new TextEncoder().encode('{"command":'), slots: { ...NONE, ids: [2] }, created: [5] },
    planAt: 1024, room: { paths: 64, args: 96, text: 400, data: 512, relocations: 256 }, spare: { paths: 2, args: 8, text: 300 }, ...changes,
  };
}

/** The names of a struct's members in known.h, in order. */
function members(struct: string): string[] {
  const body = new RegExp(`struct ${struct} \\{([^}]*)\\}`).exec(SOURCE)?.[1] ?? "";
  const plain = body.replace(/\/\*[^*]*\*\//g, "");
  return [...plain.matchAll(/uint32_t ([^;]+);/g)].flatMap((match) => (match[1] ?? "").split(",").map((name) => name.trim()));
}

const text = (bytes: Uint8Array, at: number): string => new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at)));

describe("encodeKnownStart()", () => {
  const file = encodeKnownStart(start());
  const words = new Uint32Array(file.buffer, 0, 10);
  const header = Object.fromEntries(members("known_start").map((name, i) => [name, words[i] ?? 0]));
  const program = Object.fromEntries(members("known_program").map((name, i) => [name, new Uint32Array(file.buffer, header["program"] ?? 0, 12)[i] ?? 0]));
  const plan = decodePlan(file.subarray(header["plan"] ?? 0));

  test("writes the structs of known.h", () => {
    expect(members("known_start")).toEqual(["magic", "size", "check", "words", "directory", "environment", "plan", "names", "program", "misses"]);
    expect(members("known_program")).toEqual([
      "data", "paths", "words", "texts", "most_words", "texts_size", "relocations", "relocation_count", "json", "json_size", "json_length", "directories",
    ]);
    expect(header).toMatchObject({ magic: KNOWN_MAGIC, size: file.length, misses: 3, check: checksum(file.subarray(40)) });
    expect(SOURCE).toContain(`#define KNOWN_MAGIC 0x${KNOWN_MAGIC.toString(16)}u`);
  });

  test("has the words, the directory and the environment as texts", () => {
    const list = (at: number): string[] => {
      const found: string[] = [];
      for (let next = at; file[next] !== 0; next += (found.at(-1)?.length ?? 0) + 1) found.push(text(file, next));
      return found;
    };
    expect(list(header["words"] ?? 0)).toEqual(["do", "--rw", "."]);
    expect(text(file, header["directory"] ?? 0)).toBe("/srv");
    expect(list(header["environment"] ?? 0)).toEqual(["PATH=/bin", "LANG"]);
    expect(list(program["directories"] ?? 0)).toEqual(["/bin", "."]);
  });

  test("says where the container's plan has room, in the image that it writes", () => {
    const image = (program["data"] ?? 0) - 1024 - 512;
    expect(plan.data.subarray(image, image + 4096)).toEqual(new Uint8Array(4096).fill(7));
    const inImage = { relocations: image + 1024 + 256, relocation_count: image + 1024 + 24 };
    expect(program).toMatchObject({ paths: 64, words: 96, texts: 400, most_words: 8, texts_size: 300, json_size: 512, ...inImage });
    for (const at of ["json", "json_length"]) expect((program[at] ?? 0) % 8).toBe(0);
  });

  test("asks before it makes anything, and makes nothing that a failure does not take away", () => {
    const made = new Set<number>([SYSCALLS.mkdirat, SYSCALLS.symlinkat, SYSCALLS.memfd_create, SYSCALLS.write, SYSCALLS.pwrite64, SYSCALLS.unlinkat]);
    const calls = plan.ops.filter((op) => op.code === "SYSCALL").map((op) => op.nr);
    expect(calls[0]).toBe(SYSCALLS.geteuid);
    const kinds = calls.filter((nr) => made.has(nr));
    expect(kinds.filter((nr) => nr === SYSCALLS.mkdirat || nr === SYSCALLS.symlinkat)).toEqual([SYSCALLS.mkdirat, SYSCALLS.symlinkat]);
    // The reservation, the record, the directory.
    expect(calls.slice(calls.indexOf(SYSCALLS.execveat)).filter((nr) => nr === SYSCALLS.unlinkat)).toHaveLength(3);
    const unranged = decodePlan(encodeKnownStart(start({ ranged: false })).subarray(header["plan"] ?? 0));
    expect(unranged.ops.filter((op) => op.nr === SYSCALLS.unlinkat && op.code === "SYSCALL")).toHaveLength(2);
    expect(unranged.ops.some((op) => op.nr === SYSCALLS.symlinkat && op.code === "SYSCALL")).toBe(false);
    // The last op that is reached after a failure is one that cannot succeed: out of the plan, to Bun.
    expect(plan.ops.slice(-2).map((op) => op.code)).toEqual(["EXPECT", "EXIT"]);
  });
});

test("checksum() changes with each word", () => {
  fc.assert(fc.property(fc.uint32Array({ minLength: 1, maxLength: 40 }), fc.nat(39), fc.integer({ min: 1, max: 2 ** 31 - 1 }), (words, at, change) => {
    const bytes = new Uint8Array(new Uint32Array(words).buffer);
    const before = checksum(bytes);
    const view = new DataView(bytes.buffer);
    const where = 4 * (at % words.length);
    view.setUint32(where, (view.getUint32(where, true) ^ change) >>> 0, true);
    expect(checksum(bytes)).not.toBe(before);
  }));
});
