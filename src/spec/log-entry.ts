/** Entries of container logs, as docker's json-file and CRI have them. Pure. */
import { parseTimestamp } from "./when.ts";

export interface LogEntry {
  readonly stream: "stdout" | "stderr";
  /** As the log has it. */
  readonly time: string;
  /** What was written, with its line end; without one it is a piece of a line. */
  readonly text: Uint8Array;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One line of a json-file log, without its line end; undefined for anything else, such as a line that a crash cut off. */
export function parseJsonEntry(line: Uint8Array): LogEntry | undefined {
  let found: unknown;
  try {
    found = JSON.parse(decoder.decode(line));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const { log, stream, time } = (typeof found === "object" && found !== null ? found : {}) as Record<string, unknown>;
  if (typeof log !== "string" || typeof time !== "string" || (stream !== "stdout" && stream !== "stderr")) return undefined;
  return { stream, time, text: encoder.encode(log) };
}

const HEAD = /^(\S{10,40}) (stdout|stderr) ([FP]) /;
/** Longer than any head. */
const HEAD_SIZE = 64;

/** One line of a CRI log, without its line end; undefined for anything else. */
export function parseCriEntry(line: Uint8Array): LogEntry | undefined {
  const m = HEAD.exec(new TextDecoder("latin1").decode(line.subarray(0, HEAD_SIZE)));
  if (m === null) return undefined;
  const [head, time = "", stream, tag] = m;
  const body = line.subarray(head.length);
  const text = new Uint8Array(body.length + (tag === "F" ? 1 : 0));
  text.set(body);
  if (tag === "F") text[body.length] = 0x0a;
  return { stream: stream === "stderr" ? "stderr" : "stdout", time, text };
}

/** The moment of an entry in nanoseconds since the epoch; 0 if it cannot be read. */
export function momentOf(entry: LogEntry): bigint {
  return parseTimestamp(entry.time) ?? 0n;
}
