/** Who runs against whom, each as one command line: the same program behind walls as alike as each can build them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { MASKED_PATHS, READONLY_PATHS, RUN_CAPABILITIES } from "../src/plan/defaults.ts";
import { resolveProfile } from "../src/plan/seccomp-profile.ts";
import { BINARY, ROOT, run } from "./measure.ts";

export interface Contestant {
  readonly name: string;
  readonly command: readonly string[];
  /** What its wall has that others lack, or the other way round. */
  readonly note: string;
  /** A shell command before each run, outside of its time. */
  readonly prepare?: string;
  /** Left out where it does not work (crun takes no hybrid cgroups). */
  readonly optional?: boolean;
}

/** The seccomp profile of podman and docker, as Debian installs it with podman (golang-github-containers-common). */
const PROFILE = "/usr/share/containers/seccomp.json";

interface BundleConfig {
  process: Record<string, unknown>;
  root: Record<string, unknown>;
  linux: Record<string, unknown>;
  [key: string]: unknown;
}

/**
 * An OCI bundle with what pidbox gives by default, as far as config.json can say it and runc 1.1 knows it: no time namespace, no overlay, no Landlock. Without
 * `users` there is no user namespace, as docker and containerd have it.
 */
export function makeBundle(folder: string, rootfs: string, command: readonly string[], options: { readonly users: boolean } = { users: true }): string {
  const bundle = join(folder, `bundle-${command[0]?.split("/").pop() ?? ""}`);
  mkdirSync(bundle);
  run(["runc", "spec", "--bundle", bundle]);
  const config = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as BundleConfig;
  const ids = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  const capabilities = [...RUN_CAPABILITIES];
  const arch = process.arch === "arm64" ? "arm64" : "x64";
  const seccomp = existsSync(PROFILE) ? resolveProfile(JSON.parse(readFileSync(PROFILE, "utf8")), { arch, capabilities, kernel: [6, 1] }) : undefined;
  const memory = Math.floor(totalmem() / 2);
  Object.assign(config.process, {
    terminal: false, args: command, noNewPrivileges: true, capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
  });
  Object.assign(config.root, { path: rootfs, readonly: false });
  Object.assign(config.linux, {
    namespaces: ["pid", "network", "ipc", "uts", "mount", "cgroup", ...(options.users ? ["user"] : [])].map((type) => ({ type })),
    ...(options.users ? { uidMappings: ids, gidMappings: ids } : {}),
    resources: { devices: [{ allow: false, access: "rwm" }], memory: { limit: memory, swap: memory }, pids: { limit: 2048 }, cpu: { shares: 512 } },
    maskedPaths: MASKED_PATHS, readonlyPaths: READONLY_PATHS, ...(seccomp === undefined ? {} : { seccomp }),
  });
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  return bundle;
}

/** bubblewrap over the host, with what `pidbox do` shows and hides of it; it has no cgroups, and its seccomp filter would have to come from elsewhere. */
function bubblewrapHost(program: readonly string[]): string[] {
  const hidden = ["/root", "/home", "/tmp", "/run", "/mnt", "/media", "/srv"].filter((path) => existsSync(path)).flatMap((path) => ["--tmpfs", path]);
  const kernel = ["--proc", "/proc", "--dev", "/dev"];
  return ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", ...kernel, ...hidden, "--ro-bind", ROOT, ROOT, "--chdir", ROOT, ...program];
}

export function bubblewrapRootfs(rootfs: string, program: readonly string[]): string[] {
  const kernel = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/dev/shm", "--ro-bind", "/sys", "/sys"];
  return ["bwrap", "--unshare-all", "--die-with-parent", "--bind", rootfs, "/", ...kernel, "--chdir", "/", ...program];
}

function unshare(program: readonly string[]): string[] {
  return ["unshare", "--user", "--map-root-user", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--cgroup", "--time", "--mount-proc", ...program];
}

/** A program that does nothing, compiled as pidbox is: what Bun itself takes. */
function emptyProgram(folder: string): string {
  const source = join(folder, "empty.ts");
  const program = join(folder, "empty");
  writeFileSync(source, "process.exit(0);\n");
  run([process.execPath, "build", "--compile", "--minify", "--bytecode", "--format=esm", "--target=bun", "--compile-jit-policy=10", source, "--outfile", program]);
  return program;
}

/** The first start of a command line, and the second, which is recorded (ARCHITECTURE.md, "Starts that are known"); runc again, to compare with. */
export function unknownStarts(folder: string): Contestant[] {
  const command = [BINARY, "do", "true"];
  const forget = "rm -rf /run/pidbox/plans /run/pidbox/starts";
  return [
    { name: "pidbox do true, first start", command, prepare: forget, note: "nothing is kept" },
    { name: "pidbox do true, second start", command, prepare: `${forget}; ${command.join(" ")}`, note: "plan kept, start recorded" },
    { name: "runc run, beside them", command: ["runc", "run", "--bundle", join(folder, "bundle-true"), "pidbox-bench-runc"], note: "as above" },
  ];
}

/** All of them. `rootfs` is a busybox tree; `folder` holds the bundles. */
export function contestants(folder: string, rootfs: string): Contestant[] {
  const bundle = makeBundle(folder, rootfs, ["/bin/true"]);
  const all: Contestant[] = [
    { name: "pidbox do true", command: [BINARY, "do", "true"], note: "everything on" },
    { name: "pidbox run /bin/true", command: [BINARY, "run", "--rm", `dir:${rootfs}`, "/bin/true"], note: "everything on" },
    { name: "runc run", command: ["runc", "run", "--bundle", bundle, "pidbox-bench-runc"], note: "seven namespaces, seccomp, cgroups" },
    { name: "crun run", command: ["crun", "run", "--bundle", bundle, "pidbox-bench-crun"], note: "seven namespaces, seccomp, cgroups", optional: true },
    { name: "bubblewrap, host", command: bubblewrapHost(["true"]), note: "six namespaces, no seccomp, no cgroups" },
    { name: "bubblewrap, rootfs", command: bubblewrapRootfs(rootfs, ["/bin/true"]), note: "six namespaces, no seccomp, no cgroups" },
    { name: "unshare", command: unshare(["true"]), note: "eight namespaces and /proc, nothing else" },
    { name: "pidbox version", command: [BINARY, "version"], note: "Bun, command line, one verb" },
    { name: "Bun, empty program", command: [emptyProgram(folder)], note: "compiled as pidbox is" },
  ];
  return all.filter(({ command }) => Bun.which(command[0] ?? "") !== null);
}
