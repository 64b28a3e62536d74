/** Who decides: the caller's flags alone. Content of an image selects nothing, text from outside is escaped, what cannot be built or read is said. */
import { describe, expect, test } from "bun:test";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { needs } from "../parts.ts";
import { childrenOf } from "../pty.ts";
import { CALLERS, openScene } from "../scene.ts";
import type { Caller } from "../scene.ts";

const scene = openScene();
const ESCAPE = "\u001b[31mred\u0007";

/** Status of the wall from inside: no_new_privs, filter, capabilities, id map. */
const WALL = "grep -E '^(NoNewPrivs|Seccomp|Cap)' /proc/self/status; wc -l < /proc/self/uid_map; ls -A /sys/firmware; test -w /proc/sys/kernel/hostname || echo closed";

async function refusal(args: readonly string[], caller: Caller = "root"): Promise<string> {
  const { code, out, err } = await scene.run(args, { caller });
  expect({ code, out }).toEqual({ code: 125, out: "" });
  expect(err).toMatch(/^pidbox: [^\n]* \[[A-Z_]+\]\n/);
  return err;
}

needs("root")("4c.14: config.json, annotations and labels in or beside the root filesystem widen nothing", async () => {
  const plain = await scene.output(["run", "@", "sh", "-c", WALL]);
  const root = scene.makeRootfs("suggestive");
  const wish = JSON.stringify({
    ociVersion: "1.2.0", process: { args: ["/evil"], noNewPrivileges: false, capabilities: { bounding: ["CAP_SYS_ADMIN"] }, user: { uid: 0, gid: 0 } },
    hooks: { prestart: [{ path: "/bin/false" }] },
    annotations: { "io.podman.annotations.privileged": "TRUE", "run.oci.keep_original_groups": "1", "io.pidbox.unsafe": "privileged" }, linux: { namespaces: [], maskedPaths: [], readonlyPaths: [] },
    config: { Labels: { "io.pidbox.unsafe": "privileged" } },
  });
  for (const name of ["config.json", "../config.json", ".pidbox", "etc/pidbox", "etc/pidbox.json", "pidbox.json", "manifest.json"]) writeFileSync(`${root}/${name}`, wish);
  for (const directory of [scene.directory, "/"]) expect(await scene.output(["run", `dir:${root}`, "sh", "-c", WALL], { cwd: directory })).toBe(plain);
  expect(plain).toContain("NoNewPrivs:\t1\nSeccomp:\t2\n");
});

needs("root")("4c.14: a label of the container itself is a note, whatever it says", async () => {
  const plain = await scene.output(["run", "@", "sh", "-c", WALL]);
  const flags = ["unsafe=privileged", "io.pidbox.unsafe=privileged", "privileged", "__proto__=x"].flatMap((label) => ["-l", label]);
  expect(await scene.output(["run", ...flags, "@", "sh", "-c", WALL])).toBe(plain);
});

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test.each([
    ["a name", ["--name", ESCAPE]], ["a host name", ["--hostname", ESCAPE]], ["a user", ["-u", ESCAPE]], ["a feature", [`--allow-degraded=${ESCAPE}`]],
    ["an override", [`--unsafe=${ESCAPE}`]], ["a source", ["-v", `/${ESCAPE}:/a`]], ["a capability", ["--cap-add", ESCAPE]],
    ["an option", ["--security-opt", ESCAPE]], ["a sysctl", ["--sysctl", `${ESCAPE}=1`]], ["a size", ["-m", ESCAPE]], ["a flag", [`--${ESCAPE}`]],
  ] as const)("%s with control characters is refused, and shown escaped", async (_what, flags) => {
    const err = await refusal(["run", ...flags, "@", "true"], caller);
    expect(err.replaceAll("\n", "")).toMatch(/^[^\p{Cc}]*$/u);
  });

  test.each(["../x", "-x", ".x", "a/b", "", "a b", "a\nb", "x".repeat(129)])("4c.13: the name %j is refused", async (name) => {
    expect(await refusal(["run", `--name=${name}`, "@", "true"], caller)).toContain("[USAGE]");
  });

  test("programs and images with control characters in their names are shown escaped", async () => {
    for (const args of [["run", "@", ESCAPE], ["run", `dir:/${ESCAPE}`, "true"], ["do", ESCAPE], ["verify", ESCAPE], [ESCAPE]]) {
      const { code, err } = await scene.run(args, { caller });
      expect(code).not.toBe(0);
      expect(err).not.toMatch(/[\u0007\u001b]/);
    }
  });

  test("ps and verify show a container's texts escaped", async () => {
    const flags = ["-l", `${ESCAPE}=${ESCAPE}`, "-e", `X=${ESCAPE}`, "-w", `/tmp/${ESCAPE}`, "--name", `shown-${caller}`];
    const held = scene.hold(["run", "-i", ...flags, "@", "sh", "-c", "echo up; exec cat", ESCAPE], { caller });
    expect(await held.line()).toBe("up");
    for (const args of [["ps", "-a", "--no-trunc"], ["verify", `shown-${caller}`], ["tree"]]) {
      const { out, err } = await scene.run(args, { caller });
      expect(out).not.toBe("");
      expect(out + err).not.toMatch(/[\u0007\u001b]/);
    }
    expect((await held.end()).code).toBe(0);
  });

  test("4c.15: a feature that is not known is an error that names it", async () => {
    for (const name of ["cgroup", "CGROUPS", "all", "", "seccomp", "userns"]) {
      expect(await refusal(["run", `--allow-degraded=${name}`, "@", "true"], caller)).toContain(`--allow-degraded=${JSON.stringify(name)}`);
    }
  });

  needs("noapparmor", "noselinux")("4c.15: a feature that the host lacks is an error that names it", async () => {
    expect(await refusal(["run", "--security-opt", "apparmor=strict", "@", "true"], caller)).toMatch(/AppArmor.*\[HOST_UNSUPPORTED\]/);
    expect(await refusal(["run", "--security-opt", "label=type:x_t", "@", "true"], caller)).toMatch(/SELinux.*\[HOST_UNSUPPORTED\]/);
  });

  test("an override is one name: no list, no prefix, no other name opens it", async () => {
    for (const name of ["", "all", "*", "uts", "uts-host,mount", "UTS-HOST"]) {
      expect(await refusal(["run", `--unsafe=${name}`, "--uts=host", "@", "true"], caller)).toContain("[USAGE]");
    }
    expect(await refusal(["run", "--unsafe=mount", "--uts=host", "@", "true"], caller)).toContain("[REFUSED_UNSAFE]");
  });

  test("4c.6: no mount in /proc but over the files that lxcfs covers", async () => {
    for (const flags of [["-v", `${scene.directory}:/proc`], ["--tmpfs", "/proc/1"], ["--tmpfs", "/proc/self/attr"], ["--mount", "type=tmpfs,dst=/./proc//sys"]]) {
      expect(await refusal(["run", ...flags, "@", "true"], caller)).toContain("is in /proc");
    }
  });

  test("4c.12: a cgroup's path does not leave the hierarchies", async () => {
    for (const path of ["../../x", "/a/../../x", ".."]) expect(await refusal(["run", `--cgroup-parent=${path}`, "@", "true"], caller)).toMatch(/\[(CONFIG_INVALID|USAGE)\]/);
  });
});

needs("root")("4c.15: without --allow-degraded, an unprivileged caller who can make no cgroup gets no container", async () => {
  const args = scene.command("rootless", ["run", "@", "echo", "started"]).filter((word) => !word.startsWith("--allow-degraded"));
  const child = Bun.spawn(args, { cwd: "/", env: scene.environment("rootless"), stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  scene.track(child);
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  expect({ code, out }).toEqual({ code: 125, out: "" });
  expect(err).toMatch(/cgroup.*\[HOST_UNSUPPORTED\]\n.*--allow-degraded=cgroups/);
});

test("4c.15, 4c.17: what was given up is told by verify, and never counts as holding", async () => {
  const caller = CALLERS.at(-1) ?? "rootless";
  const held = scene.hold(["run", "-i", "--name", "degraded", "--security-opt", "seccomp=unconfined", "--unsafe=seccomp", "@", "sh", "-c", "echo up; exec cat"], { caller });
  expect(await held.line()).toBe("up");
  const { code, out } = await scene.run(["verify", "degraded"], { caller });
  expect(out).toMatch(/seccomp/);
  expect(out).toMatch(/cgroups/);
  expect(code).toBe(2);
  expect((await held.end()).code).toBe(0);
});

needs("root")("unknown is never reported as safe: another user's verify of root's container", async () => {
  const held = scene.hold(["run", "-i", "--name", "roots", "@", "sh", "-c", "echo up; exec cat"]);
  expect(await held.line()).toBe("up");
  const init = childrenOf(held.pid).get("pidbox-init") ?? 0;
  const whole = await scene.run(["verify", "roots"]);
  expect([whole.code, whole.out.includes("all hold")]).toEqual([0, true]);
  const other = await scene.run(["verify", String(init), "--format", "json"], { caller: "rootless" });
  expect([2, 3]).toContain(other.code);
  const { holds, layers } = JSON.parse(other.out) as { holds: boolean; layers: { name: string; ok: string }[] };
  expect(holds).toBe(false);
  const namespaces = layers.filter(({ name }) => name.endsWith(" namespace"));
  expect(namespaces).toHaveLength(8);
  expect(new Set(namespaces.map(({ ok }) => ok))).toEqual(new Set(["unknown"]));
  // Root's state is not to be read, so the name means nothing to them.
  expect((await scene.run(["verify", "roots"], { caller: "rootless" })).code).not.toBe(0);
  expect((await held.end()).code).toBe(0);
});

needs("root")("--env-file and --cidfile follow the caller's paths only, and never replace a file", async () => {
  const target = `${scene.directory}/cid-target`;
  writeFileSync(target, "kept");
  symlinkSync(target, `${scene.directory}/cid-link`);
  for (const path of [target, `${scene.directory}/cid-link`]) expect(await refusal(["run", "--cidfile", path, "@", "true"])).toContain("[CONFLICT]");
  expect(readFileSync(target, "utf8")).toBe("kept");
});
