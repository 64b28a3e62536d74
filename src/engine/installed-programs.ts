/** Engines and runtimes on this host, by their programs in PATH and their configuration files. Nothing is executed. */
import { findProgram } from "../kernel/feature-probe.ts";
import { readLink, stat } from "../kernel/file.ts";

export interface EngineKind {
  readonly name: string;
  /** Programs that belong to it; the first that is found names it installed. */
  readonly programs: readonly string[];
  /** Configuration files of the whole host. */
  readonly configs: readonly string[];
  /** Files below the user's configuration directory. */
  readonly userConfigs: readonly string[];
}

/** The engines that doctor looks for, with the paths of their own manual pages. */
export const ENGINE_KINDS: readonly EngineKind[] = [
  { name: "docker", programs: ["dockerd", "docker"], configs: ["/etc/docker/daemon.json"], userConfigs: ["docker/daemon.json"] },
  { name: "containerd", programs: ["containerd"], configs: ["/etc/containerd/config.toml"], userConfigs: ["containerd/config.toml"] },
  { name: "podman", programs: ["podman"], configs: ["/usr/share/containers/containers.conf", "/etc/containers/containers.conf"], userConfigs: ["containers/containers.conf"] },
  { name: "cri-o", programs: ["crio"], configs: ["/etc/crio/crio.conf"], userConfigs: [] },
  { name: "runc", programs: ["runc"], configs: [], userConfigs: [] },
  { name: "crun", programs: ["crun"], configs: [], userConfigs: [] },
  { name: "youki", programs: ["youki"], configs: [], userConfigs: [] },
  { name: "lxc", programs: ["lxc-start"], configs: ["/etc/lxc/default.conf"], userConfigs: ["lxc/default.conf"] },
  { name: "systemd-nspawn", programs: ["systemd-nspawn"], configs: [], userConfigs: [] },
  { name: "bubblewrap", programs: ["bwrap"], configs: [], userConfigs: [] },
];

/** Drop-in directories: every `*.conf` in them belongs to the engine too (containers.conf(5), crio.conf.d(5)). */
export const DROP_IN_DIRECTORIES: Readonly<Record<string, readonly string[]>> = { podman: ["/etc/containers/containers.conf.d"], "cri-o": ["/etc/crio/crio.conf.d"] };

/** What an engine's configuration may name as its runtime, and what is there. */
export interface ProgramState {
  /** The path that was looked at; for a bare name the one found in PATH. */
  readonly path: string;
  readonly found: boolean;
  readonly executable: boolean;
  /** Someone else than root may write to the file. */
  readonly writableByOthers: boolean;
  /** It is npm's launcher script or a link into node_modules: slow, needs node in the engine's PATH, and an update replaces it under the engine. */
  readonly npmShim: boolean;
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const LINKS = 40;

/** The path and every symbolic link on the way from it to a file, in order. */
function chain(path: string): string[] {
  const seen = [path];
  for (let at = path; seen.length <= LINKS; ) {
    const target = readLink(at);
    if (typeof target === "number") return seen;
    at = target.startsWith("/") ? target : `${at.slice(0, at.lastIndexOf("/"))}/${target}`;
    seen.push(at);
  }
  return seen;
}

/** Looks at a program that a configuration names, without running it. `searchPath` is a PATH for bare names. */
export function readProgramState(named: string, searchPath: string): ProgramState {
  const path = named.includes("/") ? named : (findProgram(named, searchPath) ?? named);
  const absent = { path, found: false, executable: false, writableByOthers: false, npmShim: false };
  if (!path.startsWith("/") || path.includes("\0")) return absent;
  const status = stat(path);
  const npmShim = chain(path).some((step) => step.includes("/node_modules/"));
  if (typeof status === "number") return { ...absent, npmShim };
  const regular = (status.mode & S_IFMT) === S_IFREG;
  return {
    path, found: true, executable: regular && (status.mode & 0o111) !== 0,
    writableByOthers: status.uid !== 0 || (status.mode & 0o022) !== 0, npmShim,
  };
}
