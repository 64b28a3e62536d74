/** What shims do: `exec --detach`, and waiting for the process whose PID the file names. */
import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../parts.ts";
import { until } from "../until.ts";
import { makeBundle, running, start } from "./bundle.ts";

needs("root", "busybox")("a detached process and its init end together", async () => {
  using bundle = makeBundle(running("sleep", "1000"));
  using container = start(bundle, "detached");
  const pidFile = join(bundle.path, "exec.pid");
  expect(container.call("exec", "--detach", "--pid-file", pidFile, "ID", "/bin/true")).toEqual({ code: 0, out: "", err: "" });
  const pid = readFileSync(pidFile, "utf8");
  const state = (): string => (existsSync(`/proc/${pid}/stat`) ? (/\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? "") : "gone");
  // PID 1 of this machine may reap it late.
  await until(() => ["Z", "gone"].includes(state()));
  expect(container.call("state", "ID").out).toContain('"running"');
});
