/** pidbox inside containers: of its own, and of runc as docker configures it. What is missing there is said, and can be done without by name. */
import { describe, expect } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { needs } from "../parts.ts";
import { openScene } from "../scene.ts";

const scene = openScene();
/** What an outer container must open so that an inner one can be made: the filter and Landlock forbid mounts and user namespaces. */
const OPEN = ["--unsafe=seccomp", "--security-opt", "seccomp=unconfined", "--unsafe=landlock", "--security-opt", "landlock=unconfined"];
const UNMASKED = ["--unsafe=systempaths", "--security-opt", "systempaths=unconfined"];
/** The binary and what its loader needs, and a small root filesystem that is made inside. */
const PROGRAMS = [`${dirname(scene.binary)}:/pidbox`, "/usr:/usr", "/lib:/lib", "/lib64:/lib64"].flatMap((bind) => ["-v", `${bind}:ro`]);
const MAKE = "mkdir -p /tmp/inner/bin && cp /bin/busybox /tmp/inner/bin/busybox";
const INNER = "/pidbox/pidbox run --rm --allow-degraded=cgroups";

function nested(flags: readonly string[], script: string, caller: "root" | "rootless" = "root"): ReturnType<typeof scene.run> {
  return scene.run(["run", ...flags, ...PROGRAMS, "@", "sh", "-c", `${MAKE}; ${script}`], { caller });
}

describe("in a container of pidbox", () => {
  needs("root")("with everything open: a container with its own /proc, and PIDs on three levels", async () => {
    const program = "id -u; echo $$; grep NSpid /proc/self/status; cat /proc/self/uid_map";
    const { out, err, code } = await nested([...OPEN, ...UNMASKED], `${INNER} dir:/tmp/inner /bin/busybox sh -c '${program}'`);
    expect({ err, code }).toEqual({ err: "", code: 0 });
    // Without CAP_SETFCAP outside, root of the inner one is user 1 of the outer one (Linux 5.12).
    expect(out.replace(/[ \t]+/g, " ")).toMatch(/^0\n2\nNSpid: \d+\n 0 1 65535\n$/);
  });

  needs("root")("with CAP_SETFCAP outside, root inside is root outside", async () => {
    const { out } = await nested([...OPEN, ...UNMASKED, "--cap-add", "SETFCAP"], `${INNER} dir:/tmp/inner /bin/busybox cat /proc/self/uid_map`);
    expect(out.replace(/ +/g, " ")).toBe(" 0 0 65536\n");
  });

  needs("root")("a masked /proc is named, with what to do; --allow-degraded=proc does without", async () => {
    const without = `${INNER} --allow-degraded=proc dir:/tmp/inner /bin/busybox sh -c 'echo $$; ls /proc'`;
    const { err, out, code } = await nested(OPEN, `${INNER} dir:/tmp/inner /bin/busybox true; echo $?; ${without}`);
    expect(err).toMatch(/Cannot mount a \/proc of the container's own: .* \[HOST_UNSUPPORTED\]\n {2}hint: .*systempaths=unconfined.*--allow-degraded=proc\n/);
    expect(err).toContain("there is no /sys inside");
    expect(out).toMatch(/^125\n2\n/);
    expect(code).toBe(1);
  });

  needs("root")("cgroups that cannot be written are named: controllers, file, and the way around", async () => {
    const { err, code } = await nested([...OPEN, ...UNMASKED], "/pidbox/pidbox run --rm dir:/tmp/inner /bin/busybox true");
    expect(err).toMatch(/Cannot limit .*pids.*: no cgroup of this host that the caller may write has the file pids\.max|pids/);
    expect(err).toContain("--allow-degraded=cgroups");
    expect(code).toBe(125);
  });

  needs("root")("what the outer container forbids is an error that says what", async () => {
    const filter = await nested([...UNMASKED, ...OPEN.slice(3)], `${INNER} dir:/tmp/inner /bin/busybox true`);
    expect(filter.err).toMatch(/\/linux\/namespaces.*(EPERM|ENOSYS)/);
    expect(filter.code).toBe(125);
    const landlock = await nested([...UNMASKED, ...OPEN.slice(0, 3)], `${INNER} dir:/tmp/inner /bin/busybox true`);
    if (landlock.code !== 0) expect(landlock.err).toContain("--security-opt landlock=unconfined");
  });

  needs("root")("do in do: not as root without capabilities, which is said; as a user it works", async () => {
    const inner = [scene.binary, "do", "--allow-degraded=cgroups", "id", "-u"];
    const asRoot = await scene.run(["do", ...OPEN, "--show", dirname(scene.binary), ...inner], { cwd: "/" });
    expect(asRoot.err).toContain("root of a container may not map ids without CAP_SETFCAP");
    expect(asRoot.code).toBe(125);
    const asUser = await scene.run(["do", "-u", "1000", ...OPEN, "--show", dirname(scene.binary), ...inner], { cwd: "/" });
    expect({ out: asUser.out, code: asUser.code }).toEqual({ out: "0\n", code: 0 });
  });

  needs("root")("in a rootless container", async () => {
    const script = `${INNER} dir:/tmp/inner /bin/busybox sh -c 'id -u; echo $$'`;
    const { err, out, code } = await nested([...OPEN, ...UNMASKED, "--cap-add", "SETFCAP"], script, "rootless");
    expect({ err, out, code }).toEqual({ err: "", out: "0\n2\n", code: 0 });
  });
});

/** config.json as dockerd writes it for a default container, without a filter (as `--security-opt seccomp=unconfined`). */
function dockerConfig(masked: boolean, script: string): unknown {
  const names = "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE";
  const capabilities = names.split(" ").map((name) => `CAP_${name}`);
  const kernel = ["nosuid", "noexec", "nodev"];
  const bind = (source: string, destination = source): unknown => ({ destination, type: "bind", source, options: ["rbind", "ro"] });
  return {
    ociVersion: "1.0.2",
    process: {
      args: ["/bin/sh", "-c", `${MAKE}; ${script}`], cwd: "/", user: { uid: 0, gid: 0 }, env: ["PATH=/bin:/usr/bin"], terminal: false,
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    root: { path: scene.makeRootfs(masked ? "docker-masked" : "docker-open") },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: kernel },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
      { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"] },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: [...kernel, "ro"] },
      bind(dirname(scene.binary), "/pidbox"), bind("/usr"), bind("/lib"), bind("/lib64"),
    ],
    linux: {
      namespaces: ["pid", "mount", "ipc", "uts", "network"].map((type) => ({ type })), cgroupsPath: `/pidbox-test-${process.pid}`,
      ...(masked ? { maskedPaths: ["/proc/acpi", "/proc/kcore", "/proc/keys", "/sys/firmware"], readonlyPaths: ["/proc/bus", "/proc/irq", "/proc/sys"] } : {}),
    },
  };
}

async function inRunc(masked: boolean, script: string): Promise<{ out: string; err: string; code: number }> {
  const bundle = `${scene.directory}/bundle-${masked}`;
  mkdirSync(bundle, { recursive: true });
  chmodSync(bundle, 0o755);
  writeFileSync(`${bundle}/config.json`, JSON.stringify(dockerConfig(masked, script)));
  const command = ["runc", "--root", `${bundle}/state`, "run", `pidbox-nested-${process.pid}`];
  const child = Bun.spawn(command, { cwd: bundle, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  scene.track(child);
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { out, err, code: await child.exited };
}

describe("in a container as docker makes it", () => {
  needs("root", "runc")("with unmasked paths: a whole container, root inside it being root of the outer one", async () => {
    const { out, err, code } = await inRunc(false, `${INNER} dir:/tmp/inner /bin/busybox sh -c 'id -u; echo $$; cat /proc/self/uid_map; ls /sys | grep -c .'`);
    expect({ err, code }).toEqual({ err: "", code: 0 });
    expect(out.replace(/ +/g, " ")).toMatch(/^0\n2\n 0 0 65536\n\d+\n$/);
  });

  needs("root", "runc")("with docker's masks: the same error as in a container of ours, and --allow-degraded=proc", async () => {
    const without = `${INNER} --allow-degraded=proc dir:/tmp/inner /bin/busybox sh -c 'id -u; echo $$'`;
    const { out, err } = await inRunc(true, `${INNER} dir:/tmp/inner /bin/busybox true; echo $?; ${without}`);
    expect(err).toContain("docker: --security-opt systempaths=unconfined");
    expect(out).toBe("125\n0\n2\n");
  });
});
