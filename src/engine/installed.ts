/** Engines that are installed on this host, and which of them are set up wrongly, as far as their files tell. Nothing is executed. */
import { PidboxError } from "../base/error.ts";
import { shellWord } from "../kernel/feature-facts.ts";
import { findProgram } from "../kernel/feature-probe.ts";
import { listDirectory, readText, stat } from "../kernel/file.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { CONFIG_PARSERS, dockerRuntimeNames, parseDockerConfig } from "./installed-config.ts";
import type { EngineConfig, NamedRuntime } from "./installed-config.ts";
import { DROP_IN_DIRECTORIES, ENGINE_KINDS, readProgramState } from "./installed-programs.ts";
import type { EngineKind, ProgramState } from "./installed-programs.ts";
import { OCI_PROGRAM, registration } from "./installed-registration.ts";
import type { Registration } from "./installed-registration.ts";

/** `wrong`: the engine fails or runs something else than meant; `weak`: it works, and isolates less than it could. */
export interface EngineProblem {
  readonly severity: "wrong" | "weak";
  readonly path: string;
  /** Key in the file, absent where the file as a whole is meant. */
  readonly key?: string;
  readonly found: string;
  readonly reason: string;
  readonly remedy: string;
}

export interface InstalledEngine {
  readonly name: string;
  /** Absolute paths of its programs. */
  readonly programs: readonly string[];
  /** Its configuration files that exist. */
  readonly configs: readonly string[];
  readonly problems: readonly EngineProblem[];
  /** How pidbox-oci becomes its runtime; absent where there is no such thing. */
  readonly registration?: Registration;
}

export interface InstalledOptions {
  /** PATH of the caller; the system's directories are searched too. */
  readonly path: string;
  /** $XDG_CONFIG_HOME or ~/.config; undefined where there is neither. */
  readonly configHome: string | undefined;
  /** Absolute path of pidbox-oci, to be named in configurations. */
  readonly runtime: string;
}

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/libexec/crio";
const CONFIG_LIMIT = 1 << 20;
/** What Docker knows without configuration (`docker info`). */
const DOCKER_BUILT_IN: ReadonlySet<string> = new Set(["runc", "io.containerd.runc.v2"]);

/** What is wrong with a runtime that a configuration names, given what is at each of its paths. Pure. */
export function runtimeProblems(config: string, runtime: NamedRuntime, states: readonly ProgramState[]): EngineProblem[] {
  const base = { path: config, key: runtime.key };
  const used = states.find((state) => state.found);
  const install = `Install the program there: sudo install -o root -g root -m 0755 PROGRAM ${shellWord(runtime.paths[0] ?? "/usr/local/bin/PROGRAM")}; or correct the path`;
  if (used === undefined) {
    const found = runtime.paths.length === 0 ? "no path" : `${runtime.paths.slice(0, 8).join(", ")}: not there`;
    return [{ ...base, severity: "wrong", found, reason: `the runtime ${runtime.name} cannot be started`, remedy: install }];
  }
  const problems: EngineProblem[] = [];
  const word = shellWord(used.path);
  if (!used.executable) problems.push({ ...base, severity: "wrong", found: `${used.path}: not executable`, reason: `the runtime ${runtime.name} cannot be started`, remedy: `sudo chmod 0755 ${word}` });
  if (used.npmShim) problems.push({ ...base, severity: "wrong", found: `${used.path}: in node_modules`, reason: "npm's launcher needs node in the engine's PATH, is slow, and changes with every npm install", remedy: "Install the binary itself: sudo install -o root -g root -m 0755 PROGRAM /usr/local/bin/, and name that path" });
  if (used.writableByOthers) problems.push({ ...base, severity: "wrong", found: `${used.path}: not owned by root, or writable by group or others`, reason: "who can change it becomes root with the next container", remedy: `sudo chown root:root ${word} && sudo chmod 0755 ${word}` });
  return problems;
}

function readProblems(engine: string, path: string, searchPath: string): EngineProblem[] {
  const parse = CONFIG_PARSERS[engine];
  const source = readText(path, CONFIG_LIMIT);
  if (parse === undefined || source === -2) return [];
  if (typeof source === "number") {
    return source === -13 ? [] : [{ severity: "wrong", path, found: errnoName(source), reason: "the file cannot be read", remedy: "Check its owner, mode and size" }];
  }
  let config: EngineConfig;
  let names: readonly string[];
  try {
    config = parse(source);
    names = engine === "docker" ? dockerRuntimeNames(source) : [];
  } catch (error) {
    if (!(error instanceof PidboxError)) throw error;
    return [{ severity: "wrong", path, found: error.message, reason: "the engine does not start with it", remedy: "Correct the file" }];
  }
  const chosen = config.defaultRuntime;
  const problems = config.runtimes.flatMap((runtime) => {
    const states = runtime.paths.map((named) => readProgramState(named, searchPath));
    // containers.conf lists where runtimes may be; only the chosen one has to be there.
    if (engine === "podman" && runtime.name !== chosen && !states.some((state) => state.found)) return [];
    return runtimeProblems(path, runtime, states);
  });
  if (engine === "docker" && chosen !== undefined && !DOCKER_BUILT_IN.has(chosen) && !names.includes(chosen)) {
    problems.push({ severity: "wrong", path, key: "default-runtime", found: chosen, reason: "no runtime of this name is configured", remedy: "Add it to runtimes, or name another one" });
  }
  return [...problems, ...weakProblems(path, config)];
}

/** Names of the runtimes in configuration files that are pidbox-oci by their file's name. A file that cannot be read names none. */
function registeredNames(engine: string, configs: readonly string[]): string[] {
  const parse = CONFIG_PARSERS[engine];
  const names = configs.flatMap((path) => {
    const source = readText(path, CONFIG_LIMIT);
    if (parse === undefined || typeof source === "number") return [];
    try {
      return parse(source).runtimes.filter(({ paths }) => paths.some((named) => named.endsWith(`/${OCI_PROGRAM}`))).map(({ name }) => name);
    } catch (error) {
      // What is wrong with the file is among the problems.
      if (!(error instanceof PidboxError)) throw error;
      return [];
    }
  });
  return [...new Set(names)];
}

function weakProblems(path: string, config: EngineConfig): EngineProblem[] {
  return config.weak.map(({ key, value, reason, remedy }) => ({ severity: "weak", path, key, found: value, reason, remedy }));
}

function configPaths(kind: EngineKind, configHome: string | undefined): string[] {
  const dropIns = (DROP_IN_DIRECTORIES[kind.name] ?? []).flatMap((directory) => {
    const entries = listDirectory(directory, 256);
    return typeof entries === "number" ? [] : entries.map((entry) => entry.name).filter((name) => name.endsWith(".conf")).sort().map((name) => `${directory}/${name}`);
  });
  const own = configHome === undefined ? [] : kind.userConfigs.map((path) => `${configHome}/${path}`);
  return [...kind.configs, ...dropIns, ...own].filter((path) => typeof stat(path) !== "number");
}

/** The engines found, in the order of ENGINE_KINDS. Where dockerd has no daemon.json, its defaults are judged. */
export function readInstalledEngines(options: InstalledOptions): InstalledEngine[] {
  const searchPath = `${options.path}:${SYSTEM_PATH}`;
  return ENGINE_KINDS.flatMap((kind): InstalledEngine[] => {
    const programs = kind.programs.map((name) => findProgram(name, searchPath)).filter((path) => path !== undefined);
    if (programs.length === 0) return [];
    const configs = configPaths(kind, options.configHome);
    const problems = configs.flatMap((path) => readProblems(kind.name, path, searchPath));
    const dockerDefaults = configs.length === 0 && programs.some((path) => path.endsWith("/dockerd"));
    if (dockerDefaults) problems.push(...weakProblems("/etc/docker/daemon.json", parseDockerConfig("")));
    const found = registration(kind.name, options.runtime, registeredNames(kind.name, configs));
    return [{ name: kind.name, programs, configs, problems, ...(found === undefined ? {} : { registration: found }) }];
  });
}
