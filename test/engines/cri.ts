/**
 * As much of Kubernetes' container runtime interface (k8s.io/cri-api, runtime.v1) as a pod needs: no client for it is in Debian. Calls are gRPC over
 * HTTP/2 on containerd's socket; messages are protocol buffers, given as fields by number.
 */
import { connect, type ClientHttp2Session } from "node:http2";
import { createConnection } from "node:net";

/** A message to be sent: number of the field -> value. Nothing is sent for what is undefined. */
export interface Message {
  readonly [field: number]: string | number | boolean | Message | readonly (string | Message)[] | undefined;
}

/** A message that was received: values of each field, as numbers or bytes. */
export type Fields = ReadonlyMap<number, readonly (number | Uint8Array)[]>;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

function encodeField(field: number, value: string | number | boolean | Message): number[] {
  if (typeof value === "number" || typeof value === "boolean") return [...varint(field * 8), ...varint(Number(value))];
  const bytes = typeof value === "string" ? [...new TextEncoder().encode(value)] : encode(value);
  return [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes];
}

export function encode(message: Message): number[] {
  return Object.entries(message).flatMap(([field, value]) => {
    if (value === undefined) return [];
    const values = Array.isArray(value) ? (value as readonly (string | Message)[]) : [value as string | number | boolean | Message];
    return values.flatMap((one) => encodeField(Number(field), one));
  });
}

/** Reads a message of variable-length numbers and bytes, which is all that this interface uses. Throws on anything else. */
export function decode(bytes: Uint8Array): Fields {
  const fields = new Map<number, (number | Uint8Array)[]>();
  let at = 0;
  const number = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("a message that ends within a number");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
  };
  while (at < bytes.length) {
    const key = number();
    const [field, kind] = [key >> 3, key & 7];
    if (kind !== 0 && kind !== 2) throw new Error(`a field of kind ${kind}`);
    let value: number | Uint8Array = number();
    if (kind === 2) {
      value = bytes.subarray(at, at + value);
      at += value.length;
    }
    fields.set(field, [...(fields.get(field) ?? []), value]);
  }
  return fields;
}

/** A field of bytes as a message; an empty one if it is not there. */
export function inner(fields: Fields, field: number): Fields {
  const value = fields.get(field)?.[0];
  return value instanceof Uint8Array ? decode(value) : new Map();
}

export function text(fields: Fields, field: number): string {
  const value = fields.get(field)?.[0];
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : "";
}

export function integer(fields: Fields, field: number): number {
  const value = fields.get(field)?.[0];
  return typeof value === "number" ? value : 0;
}

export class Cri {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Calls a method of the runtime service, over a connection of its own. What the server refuses is an error with its words. */
  async call(method: string, message: Message): Promise<Fields> {
    const session = connect("http://localhost", { createConnection: () => createConnection(this.#socket) });
    try {
      return await request(session, method, message);
    } finally {
      session.close();
    }
  }
}

function request(session: ClientHttp2Session, method: string, message: Message): Promise<Fields> {
  const { promise, resolve, reject } = Promise.withResolvers<Fields>();
  session.on("error", reject);
  const path = `/runtime.v1.RuntimeService/${method}`;
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" });
  const parts: Buffer[] = [];
  let status: string | undefined;
  let said = "";
  const hear = (headers: Record<string, unknown>): void => {
    status = (headers["grpc-status"] as string | undefined) ?? status;
    said = decodeURIComponent((headers["grpc-message"] as string | undefined) ?? said);
  };
  stream.on("response", hear);
  stream.on("trailers", hear);
  stream.on("data", (part: Buffer) => parts.push(part));
  stream.on("error", reject);
  stream.on("end", () => {
    if (status === "0") resolve(decode(Buffer.concat(parts).subarray(5)));
    else reject(new Error(`${method}: ${said}`));
  });
  stream.end(frame(encode(message)));
  return promise;
}

/** A message as gRPC sends it: not compressed, and its length (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md). */
function frame(bytes: readonly number[]): Uint8Array {
  const whole = new Uint8Array(5 + bytes.length);
  new DataView(whole.buffer).setUint32(1, bytes.length);
  whole.set(bytes, 5);
  return whole;
}
