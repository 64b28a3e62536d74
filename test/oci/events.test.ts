/** events: the form of runc's, and out-of-memory kills as they happen. */
import { describe, expect } from "bun:test";
import { needs } from "../parts.ts";
import { makeBundle, running, start } from "./bundle.ts";
import { PIDBOX_OCI, RUNC } from "./runtime.ts";

/** Every path in a document that leads to something else than zero or nothing, and those that lead to zero. */
function paths(value: unknown, at = ""): Map<string, boolean> {
  if (Array.isArray(value) || typeof value !== "object" || value === null) return new Map([[at, value !== 0 && value !== null]]);
  const inner = Object.entries(value).flatMap(([key, part]) => [...paths(part, `${at}/${key}`)]);
  return new Map(inner.length === 0 ? [[at, false]] : inner);
}

async function firstLines(stream: ReadableStream<Uint8Array>, until: (lines: readonly string[]) => boolean): Promise<string[]> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of stream) {
    text += decoder.decode(part, { stream: true });
    const lines = text.split("\n").slice(0, -1);
    if (until(lines)) return lines;
  }
  throw new Error(`ended before that: ${text}`);
}

interface Event {
  readonly type: string;
  readonly id: string;
  readonly data?: { readonly pids: unknown };
}

describe("events", () => {
  needs("root", "runc", "busybox")("--stats has every field that runc has, and of others only what newer versions of it have", () => {
    using bundle = makeBundle();
    const [theirs, ours] = [[RUNC, "theirs"], [PIDBOX_OCI, "ours"]].map(([program = "", id = ""]) => {
      using container = start(bundle, id, program);
      const { code, out, err } = container.call("events", "--stats", "ID");
      expect([code, err]).toEqual([0, ""]);
      expect(out).toEndWith("}\n");
      const event = JSON.parse(out) as Event;
      expect([event.type, event.id]).toEqual(["stats", id]);
      return paths(event.data);
    });
    const known = [...(ours?.keys() ?? [])];
    expect([...(theirs?.keys() ?? [])].filter((path) => !known.some((own) => own === path || own.startsWith(`${path}/`)))).toEqual([]);
    const more = [...(ours ?? [])].filter(([path, filled]) => filled && theirs?.has(path) !== true).map(([path]) => path);
    // types/events.go of runc 1.2 to 1.5.
    expect(more.filter((path) => !/\/(psi|event_count)(\/|$)/.test(path))).toEqual([]);
  });

  needs("root", "busybox")("comes at every interval, until the container ends", async () => {
    using bundle = makeBundle();
    using container = start(bundle, "interval");
    const child = Bun.spawn([PIDBOX_OCI, "--root", bundle.root, "events", "--interval", "20ms", "interval"], { stdout: "pipe", stderr: "pipe" });
    const lines = await firstLines(child.stdout, (found) => found.length >= 3);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ type: "stats", id: "interval", data: { pids: { current: 1 } } });
    expect(container.call("kill", "ID", "KILL").code).toBe(0);
    expect(await child.exited).toBe(0);
    for (const interval of ["0s", "-1s"]) expect(container.call("events", "--interval", interval, "ID").code).toBe(1);
  });

  needs("root", "busybox")("says when the kernel kills for want of memory, each time", async () => {
    const memory = { limit: 16 << 20, swap: 16 << 20 };
    using bundle = makeBundle(
      running("sh", "-c", "while :; do dd if=/dev/zero of=/dev/null bs=64M count=1; sleep 1; done"),
      (config) => ({ ...config, linux: { ...config.linux, resources: { memory } } }),
    );
    using container = start(bundle, "oom");
    const child = Bun.spawn([PIDBOX_OCI, "--root", bundle.root, "events", "--interval", "1h", "oom"], { stdout: "pipe", stderr: "pipe" });
    const lines = await firstLines(child.stdout, (found) => found.length >= 2);
    for (const line of lines) expect(line).toBe('{"type":"oom","id":"oom"}');
    expect(container.call("delete", "-f", "ID").code).toBe(0);
    expect(await child.exited).toBe(0);
  });
});
