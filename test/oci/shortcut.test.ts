/** `start` and `delete` by the plans that `create` leaves: launcher/front.c runs them before Bun begins, and whatever is not simple goes on in Bun. */
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../parts.ts";
import { untilSync } from "../until.ts";
import { create, makeBundle, running } from "./bundle.ts";
import type { Container } from "./bundle.ts";
import { PIDBOX_OCI, run } from "./runtime.ts";

const traced = needs("x64", "root", "busybox", "strace");

/** Whether a command of pidbox-oci ended without starting Bun, which has threads and many more calls. */
function isShort(root: string, ...words: readonly string[]): boolean {
  const trace = join(root, "trace");
  const { code, err } = run("strace", ["-f", "-o", trace, PIDBOX_OCI, "--root", root, ...words]);
  expect({ words, code, err }).toEqual({ words, code: 0, err: "" });
  const calls = readFileSync(trace, "utf8").split("\n").length;
  rmSync(trace);
  return calls < 150;
}

function stopped(made: Container): void {
  untilSync(() => made.call("state", "ID").out.includes('"stopped"'), `the end of ${made.id}`);
}

describe("a container without poststart and poststop hooks", () => {
  traced("is started and deleted before Bun begins", () => {
    using bundle = makeBundle(running("true"));
    using made = create(bundle, "short");
    expect(isShort(bundle.root, "start", "short")).toBe(true);
    expect(existsSync(join(bundle.root, "short/start"))).toBe(false);
    stopped(made);
    expect(isShort(bundle.root, "delete", "short")).toBe(true);
    expect(existsSync(join(bundle.root, "short"))).toBe(false);
  });

  traced("with engines' global options too", () => {
    using bundle = makeBundle(running("true"));
    using made = create(bundle, "engine");
    const log = join(bundle.path, "log.json");
    expect(isShort(bundle.root, "--log", log, "--log-format=json", "--systemd-cgroup", "start", "engine")).toBe(true);
    stopped(made);
    expect(isShort(bundle.root, "-log-format", "json", "delete", "--force", "engine")).toBe(true);
  });
});

describe("Bun does it, with the same outcome", () => {
  const changes: Readonly<Record<string, (path: string) => void>> = {
    "where the plan is damaged": (path) => writeFileSync(path, new Uint8Array(5000).fill(0x55)),
    "where the plan is cut off": (path) => writeFileSync(path, readFileSync(path).subarray(0, 500)),
    "where others could have written the plan": (path) => chmodSync(path, 0o622),
    "where there is no plan": (path) => rmSync(path),
  };
  for (const [name, change] of Object.entries(changes)) {
    traced(name, () => {
      using bundle = makeBundle(running("true"));
      using made = create(bundle, "long");
      change(join(bundle.root, "long/start.plan"));
      change(join(bundle.root, "long/delete.plan"));
      expect(isShort(bundle.root, "start", "long")).toBe(false);
      stopped(made);
      expect(isShort(bundle.root, "delete", "long")).toBe(false);
    });
  }

  traced("for a container that is not created, one that lives, and one that is not there", () => {
    using bundle = makeBundle(running("sleep", "1000"));
    using made = create(bundle, "again");
    expect(made.call("start", "ID").code).toBe(0);
    expect(made.call("start", "ID").err).toContain("cannot start a container in the running state");
    expect(made.call("delete", "ID").err).toContain("cannot delete container again that is not stopped: running");
    expect(run(PIDBOX_OCI, ["--root", bundle.root, "start", "nobody"]).err).toContain("does not exist");
    expect(made.call("state", "ID").out).toContain('"running"');
  });
});

needs("root", "busybox")("a program that cannot run is an error of start that says why", () => {
  using bundle = makeBundle(running("/bin/script"));
  const script = join(bundle.path, "rootfs/bin/script");
  writeFileSync(script, "#!/no/interpreter\n", { mode: 0o755 });
  using made = create(bundle, "script");
  const { code, err } = made.call("start", "ID");
  expect(code).toBe(1);
  expect(err).toContain("no such file or directory");
  // It says why and then ends.
  stopped(made);
});

needs("root", "busybox")("the plans are the owner's alone, and hooks that come later have none", () => {
  using bundle = makeBundle(running("true"), (config) => ({ ...config, hooks: { poststart: [{ path: "/bin/true" }], poststop: [{ path: "/bin/true" }] } }));
  using made = create(bundle, "hooked");
  for (const plan of ["start.plan", "delete.plan"]) expect(existsSync(join(bundle.root, made.id, plan))).toBe(false);
  using plain = makeBundle(running("true"));
  using other = create(plain, "plain");
  for (const plan of ["start.plan", "delete.plan"]) expect(statSync(join(plain.root, other.id, plan)).mode & 0o777).toBe(0o600);
});

test("Bun's own variables do not reach it", () => {
  const env = { BUN_OPTIONS: "--preload /nowhere.js", BUN_BE_BUN: "1", BUN_INSPECT_PRELOAD: "/nowhere.js" };
  const { code, out, err } = run(PIDBOX_OCI, ["--version"], { env });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toStartWith("pidbox-oci version");
});
