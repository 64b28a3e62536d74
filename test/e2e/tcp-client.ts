/** A client of TCP that can wait for what comes, end its half, and vanish; and what it sees of an end. */
import { connect } from "node:net";
import type { Socket } from "node:net";

export interface Client extends Disposable {
  send(bytes: string | Uint8Array): void;
  /** No more will be sent. */
  end(): void;
  /** Ends at once, by a reset. */
  reset(): void;
  /** Waits for `count` bytes in all, and gives all that have come; less if it ended before. */
  received(count: number): Promise<Buffer>;
  /** Waits for the end. `reset` is one that cut something off. */
  ended(): Promise<{ readonly bytes: Buffer; readonly how: "end" | "reset" }>;
  /** Bytes so far. */
  count(): number;
  /** Takes nothing more, so that the sender has to wait, until it goes on. */
  pause(): void;
  resume(): void;
}

/** What has come, and who waits for more of it. */
class Inbox {
  readonly #chunks: Buffer[] = [];
  readonly #waiting: (() => void)[] = [];
  count = 0;
  how: "end" | "reset" | undefined;

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.count += chunk.length;
    this.#wake();
  }

  finish(how: "end" | "reset"): void {
    this.how ??= how;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async until(condition: () => boolean): Promise<Buffer> {
    while (!condition()) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    return Buffer.concat(this.#chunks);
  }
}

function clientOf(socket: Socket): Client {
  const inbox = new Inbox();
  socket.on("data", (chunk) => inbox.add(Buffer.from(chunk)));
  socket.on("end", () => inbox.finish("end"));
  socket.on("error", () => inbox.finish("reset"));
  socket.on("close", () => inbox.finish("end"));
  return {
    send: (bytes) => void socket.write(bytes),
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
    received: (wanted) => inbox.until(() => inbox.count >= wanted || inbox.how !== undefined),
    async ended() {
      const bytes = await inbox.until(() => inbox.how !== undefined);
      return { bytes, how: inbox.how ?? "end" };
    },
    count: () => inbox.count,
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

/** Connects to `127.0.0.1:80` or `[::1]:80`; undefined if nobody listens there, or who did has cut it off already. */
export function connectTo(place: string): Promise<Client | undefined> {
  const at = place.lastIndexOf(":");
  const host = place.slice(0, at).replace(/^\[|\]$/g, "");
  const { promise, resolve, reject } = Promise.withResolvers<Client | undefined>();
  const socket = connect({ host, port: Number(place.slice(at + 1)), allowHalfOpen: true });
  const refused = (error: NodeJS.ErrnoException): void => (error.code === "ECONNREFUSED" || error.code === "ECONNRESET" ? resolve(undefined) : reject(error));
  socket.once("error", refused);
  socket.once("connect", () => {
    socket.off("error", refused);
    resolve(clientOf(socket));
  });
  return promise;
}

/** As connectTo, where somebody must listen. */
export async function reach(place: string): Promise<Client> {
  const client = await connectTo(place);
  if (client === undefined) throw new Error(`nobody listens at ${place}`);
  return client;
}
