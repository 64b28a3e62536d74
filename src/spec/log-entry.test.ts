import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { momentOf, parseCriEntry, parseJsonEntry } from "./log-entry.ts";
import type { LogEntry } from "./log-entry.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const shown = (entry: LogEntry | undefined) => (entry === undefined ? undefined : { ...entry, text: new TextDecoder().decode(entry.text) });

describe("parseJsonEntry()", () => {
  test("reads what docker 28.2.2 wrote", () => {
    const line = String.raw`{"log":"a\u003cb\u003e \u0026 \u001b[1m\ufffd\u2028\"\\\n","stream":"stderr","time":"2026-11-24T14:27:17.12Z"}`;
    expect(shown(parseJsonEntry(bytes(line)))).toEqual({ stream: "stderr", time: "2026-11-24T14:27:17.12Z", text: "a<b> & \u001b[1m\ufffd\u2028\"\\\n" });
  });
  const OTHERS = [
    "", "{", "null", "[]", "7", "{}", '{"log":1,"stream":"stdout","time":"x"}', '{"log":"x","stream":"stdin","time":"x"}',
    '{"log":"x","stream":"stdout"}',
  ];
  test.each(OTHERS)("gives nothing for %s", (line) => {
    expect(parseJsonEntry(bytes(line))).toBeUndefined();
  });
});

describe("parseCriEntry()", () => {
  test("reads whole lines and pieces, whatever their bytes", () => {
    expect(shown(parseCriEntry(bytes("2026-11-24T14:27:17.123456789+00:00 stdout F a line")))).toEqual({ stream: "stdout", time: "2026-11-24T14:27:17.123456789+00:00", text: "a line\n" });
    expect(shown(parseCriEntry(bytes("2026-11-24T14:27:17.123456789+00:00 stderr P  piece ")))).toMatchObject({ stream: "stderr", text: " piece " });
    const raw = Uint8Array.from([...bytes("2026-11-24T14:27:17.123456789+00:00 stdout P "), 0xff, 0, 0xc3]);
    expect([...(parseCriEntry(raw)?.text ?? [])]).toEqual([0xff, 0, 0xc3]);
  });
  test.each(["", "x", "2026-11-24T14:27:17Z stdin F x", "2026-11-24T14:27:17Z stdout X x", "2026-11-24T14:27:17Z stdout Fx"])("gives nothing for %s", (line) => {
    expect(parseCriEntry(bytes(line))).toBeUndefined();
  });
});

test("any bytes are an entry or none, and every entry has a moment", () => {
  const cri = fc.stringMatching(/^[0-9TZ:.+-]{10,30} std(out|err) [FP] .{0,40}$/).map(bytes);
  const line = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(bytes), cri);
  fc.assert(fc.property(line, (text) => {
    for (const entry of [parseJsonEntry(text), parseCriEntry(text)]) if (entry !== undefined && typeof momentOf(entry) !== "bigint") return false;
    return true;
  }));
});
