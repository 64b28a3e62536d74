import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PidboxError } from "../base/error.ts";
import { encodeHeader, padding, TAR_END, TarReader } from "./tar.ts";
import type { TarEntry } from "./tar.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data);

function readerOf(data: Uint8Array): TarReader {
  let at = 0;
  return new TarReader({
    read(buffer) {
      const part = data.subarray(at, at + buffer.length);
      buffer.set(part);
      at += part.length;
      return part.length;
    },
  });
}

interface Member extends Omit<Partial<TarEntry>, "path" | "target"> {
  readonly path: string;
  readonly target?: string;
  readonly data?: string;
}

function entriesOf(data: Uint8Array): Member[] {
  const reader = readerOf(data);
  const found: Member[] = [];
  for (let entry = reader.next(); entry !== undefined; entry = reader.next()) {
    const content = new Uint8Array(entry.size);
    expect(reader.content(content)).toBe(entry.size);
    const { target, ...rest } = entry;
    const more = { ...(target === undefined ? {} : { target: text(target) }), ...(entry.type === "file" ? { data: text(content) } : {}) };
    found.push({ ...rest, path: text(entry.path), ...more });
  }
  return found;
}

const COMMON = { mode: 0o644, uid: 0, gid: 0, size: 0, modified: 1_700_000_000_000 };
const MEMBERS: readonly Member[] = [
  { type: "directory", ...COMMON, mode: 0o1777, path: "d" },
  { type: "file", ...COMMON, path: "d/file", size: 5, data: "hello" },
  { type: "file", ...COMMON, path: "d/empty", modified: 1_700_000_000_123, data: "" },
  { type: "file", ...COMMON, path: `d/${"long-".repeat(45)}`, uid: 3_000_000, gid: 4_294_967_294, size: 600, data: "x".repeat(600) },
  { type: "file", ...COMMON, path: "d/\u00fc\nnew line", size: 1, data: "y" },
  { type: "symlink", ...COMMON, path: "d/link", target: `../${"far/".repeat(50)}x` },
  { type: "hardlink", ...COMMON, path: "d/same", target: "d/file" },
  { type: "fifo", ...COMMON, path: "d/fifo" },
  { type: "character", ...COMMON, path: "d/null", device: { major: 1, minor: 3 } },
];

function archive(members: readonly Member[]): Uint8Array {
  return Buffer.concat([
    ...members.flatMap(({ data = "", path, target, ...rest }) => [
      encodeHeader({ ...COMMON, type: "file", ...rest, path: bytes(path), ...(target === undefined ? {} : { target: bytes(target) }) }),
      bytes(data), new Uint8Array(padding(data.length)),
    ]),
    new Uint8Array(TAR_END),
  ]);
}

describe("tar", () => {
  test("what is written is read again", () => {
    expect(entriesOf(archive(MEMBERS))).toEqual([...MEMBERS]);
  });

  test("GNU tar reads what is written, and what it writes is read", () => {
    const directory = mkdtempSync(join(tmpdir(), "tar-"));
    try {
      writeFileSync(join(directory, "a.tar"), archive(MEMBERS.filter(({ type }) => type !== "character")));
      const run = (...words: readonly string[]): void => expect(Bun.spawnSync([...words], { cwd: directory }).exitCode).toBe(0);
      run("tar", "-xf", "a.tar", "--no-same-owner");
      for (const format of ["gnu", "ustar", "pax", "v7"]) {
        // What a format cannot hold, tar leaves out.
        const names = format === "gnu" || format === "pax" ? ["d"] : ["d/file", "d/empty", "d/same"];
        run("tar", "-cf", "b.tar", "--owner=1000", "--group=1000", `--format=${format}`, ...names);
        const back = entriesOf(new Uint8Array(readFileSync(join(directory, "b.tar"))));
        const paths = back.map(({ path }) => path).sort();
        const held = MEMBERS.filter(({ path, type }) => type !== "character" && (names[0] === "d" || names.includes(path)));
        expect(paths).toEqual(held.map(({ path }) => path).sort());
        expect(back.find(({ path }) => path === "d/file")?.data ?? back.find(({ path }) => path === "d/same")?.data).toBe("hello");
        expect(back.every(({ uid }) => uid === 1000)).toBe(true);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("names do not lead out of the archive", () => {
    expect(entriesOf(archive([{ type: "file", path: "/./a//b/.", data: "" }])).map(({ path }) => path)).toEqual(["a/b"]);
    for (const path of ["../x", "a/../../x", ".."]) expect(() => entriesOf(archive([{ type: "file", path }]))).toThrow(PidboxError);
  });

  test("an archive that is cut or broken is a PARSE error or a shorter archive, never anything else", () => {
    const whole = archive(MEMBERS);
    for (let i = 0; i < 4000; i++) {
      const broken = whole.slice(0, i % 3 === 0 ? Math.floor((i / 4000) * whole.length) : whole.length);
      if (i % 3 !== 0) broken[(i * 7919) % broken.length] = (i * 31) & 0xff;
      try {
        entriesOf(broken);
      } catch (error) {
        if (!(error instanceof PidboxError)) throw error;
        expect(error.code).toBe("PARSE");
      }
    }
  });
});
