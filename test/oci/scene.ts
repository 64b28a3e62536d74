/** Bundles for tests that look from inside a container of pidbox-oci or of another runtime: a root filesystem of busybox and a config to change. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config, Linux, Mount, Process } from "../../src/spec/runtime-config.ts";
import { makeBusyboxRoot } from "../busybox.ts";
import { PIDBOX_OCI, run, RUNC } from "./runtime.ts";
import type { Result } from "./runtime.ts";

const CAPABILITIES = [
  "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD", "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

/** The mounts that docker gives to every container, in its order. */
const DOCKER_MOUNTS: readonly Mount[] = [
  { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
  { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
  { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid", "noexec", "nodev"] },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  { destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"] },
];

export interface Change {
  readonly process?: Partial<Process>;
  readonly linux?: Partial<Linux>;
  readonly root?: Config["root"];
  /** After docker's own; one for a destination that docker has too takes its place. */
  readonly mounts?: readonly Mount[];
  readonly config?: Partial<Config>;
}

/** All that need no map of ids and no clock. */
export const NAMESPACES = ["mount", "pid", "ipc", "uts", "network", "cgroup"] as const;

/** The config of a container that runs `script` in a shell. */
export function configOf(script: string, change: Change = {}): Config {
  const mounts = change.mounts ?? [];
  const docker = new Set(DOCKER_MOUNTS.map(({ destination }) => destination));
  return {
    ociVersion: "1.2.0",
    process: {
      args: ["/bin/sh", "-c", script], env: ["PATH=/bin"], cwd: "/", user: { uid: 0, gid: 0 }, noNewPrivileges: true, terminal: false,
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES }, ...change.process,
    },
    root: change.root ?? { path: "rootfs" },
    hostname: "box",
    mounts: [
      ...DOCKER_MOUNTS.map((mount) => mounts.find(({ destination }) => destination === mount.destination) ?? mount),
      ...mounts.filter(({ destination }) => !docker.has(destination)),
    ],
    linux: {
      namespaces: NAMESPACES.map((type) => ({ type })),
      resources: { devices: [{ allow: true, access: "rwm" }] }, ...change.linux,
    },
    ...change.config,
  };
}

/** A user namespace too, with users from `first` of the host. */
export function ownUsers(first: number): Pick<Linux, "namespaces" | "uidMappings" | "gidMappings"> {
  const map = [{ containerID: 0, hostID: first, size: 65536 }];
  return {
    namespaces: (["user", ...NAMESPACES] as const).map((type) => ({ type })), uidMappings: map, gidMappings: map,
  };
}

export interface RunOptions {
  readonly runtime?: "pidbox" | "runc";
  /** Flags of `run`. */
  readonly flags?: readonly string[];
  /** A command that runs the whole command line, such as unshare(1). */
  readonly before?: readonly string[];
}

let count = 0;

export class OciScene implements Disposable {
  readonly directory = mkdtempSync("/tmp/pidbox-oci-scene-");
  readonly rootfs = join(this.directory, "rootfs");

  constructor() {
    chmodSync(this.directory, 0o755);
    this.makeRootfs("rootfs");
  }

  makeRootfs(name: string): string {
    const root = join(this.directory, name);
    makeBusyboxRoot(root, ["run", "mnt"]);
    writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
    return root;
  }

  /** Writes config.json and runs the container to its end. */
  run(config: Config, options: RunOptions = {}): Result {
    writeFileSync(join(this.directory, "config.json"), JSON.stringify(config));
    const id = `box-${process.pid}-${++count}`;
    const program = options.runtime === "runc" ? RUNC : PIDBOX_OCI;
    const command = [...(options.before ?? []), program];
    const words = ["--root", join(this.directory, "state"), "run", ...(options.flags ?? []), "--bundle", this.directory, id];
    return run(command[0] ?? program, [...command.slice(1), ...words]);
  }

  /** What the container writes, by lines; it must end well. */
  lines(script: string, change: Change = {}, options: RunOptions = {}): string[] {
    const { code, out, err } = this.run(configOf(script, change), options);
    if (code !== 0) throw new Error(`exit ${code}: ${err}${out}`);
    return out.trimEnd().split("\n");
  }

  /** Starts a container that waits, for processes that join it; it goes at the end of the scope. */
  running(change: Change = {}): { exec(process: Partial<Process>, ...flags: readonly string[]): Result } & Disposable {
    writeFileSync(join(this.directory, "config.json"), JSON.stringify(configOf("exec sleep 600", change)));
    const id = `box-${process.pid}-${++count}`;
    const oci = (...words: readonly string[]): Result => run(PIDBOX_OCI, ["--root", join(this.directory, "state"), ...words]);
    // The container keeps the descriptors of its start, so none of them may be a pipe that is read to its end.
    const words = ["--root", join(this.directory, "state"), "run", "--detach", "--bundle", this.directory, id];
    const started = Bun.spawnSync([PIDBOX_OCI, ...words], { stdin: "ignore", stdout: "ignore", stderr: Bun.file(join(this.directory, "stderr")) });
    if (started.exitCode !== 0) throw new Error(readFileSync(join(this.directory, "stderr"), "utf8"));
    return {
      exec: (given, ...flags) => {
        const file = join(this.directory, "process.json");
        writeFileSync(file, JSON.stringify({ ...configOf("").process, ...given }));
        return oci("exec", ...flags, "--process", file, id);
      },
      [Symbol.dispose]: () => void oci("delete", "--force", id),
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
