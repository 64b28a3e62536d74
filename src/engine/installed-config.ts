/**
 * What an engine's configuration says about its runtimes and defaults. Pure.
 *
 * The files belong to the host's owner but are parsed as if they did not: every value is checked for its type before use, and anything else is ignored.
 */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";

/** A runtime that a configuration names. */
export interface NamedRuntime {
  readonly name: string;
  /** Candidates in order: the engine takes the first that exists. */
  readonly paths: readonly string[];
  /** Where in the file, such as `runtimes.pidbox.path`. */
  readonly key: string;
}

/** A setting that makes containers less isolated than the engine could. */
export interface WeakSetting {
  readonly key: string;
  readonly value: string;
  readonly reason: string;
  readonly remedy: string;
}

export interface EngineConfig {
  readonly runtimes: readonly NamedRuntime[];
  /** The runtime that is used when none is asked for, if the file says so. */
  readonly defaultRuntime: string | undefined;
  readonly weak: readonly WeakSetting[];
}

type Table = Readonly<Record<string, unknown>>;

function table(value: unknown): Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Table) : {};
}

function at(value: unknown, ...keys: readonly string[]): unknown {
  let here = value;
  for (const key of keys) here = Object.hasOwn(table(here), key) ? table(here)[key] : undefined;
  return here;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

function shape(value: unknown, what: string): Table {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new PidboxError("PARSE", `Cannot read ${what}: expected an object at the top`);
  return value as Table;
}

function parseJson(source: string, what: string): Table {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (cause) {
    throw new PidboxError("PARSE", `Cannot read ${what}: ${quote(cause instanceof Error ? cause.message : "not JSON")}`, { cause });
  }
  return shape(value, what);
}

function parseToml(source: string, what: string): Table {
  let value: unknown;
  try {
    value = Bun.TOML.parse(source);
  } catch (cause) {
    throw new PidboxError("PARSE", `Cannot read ${what}: ${quote(cause instanceof Error ? cause.message : "not TOML")}`, { cause });
  }
  return shape(value, what);
}

function isExposed(host: string): boolean {
  return host.startsWith("tcp://") && !/^tcp:\/\/(127\.|localhost[:/]|\[::1\])/.test(host);
}

function dockerWeak(config: Table): WeakSetting[] {
  const weak: WeakSetting[] = [];
  if (text(config["userns-remap"]) === undefined) {
    weak.push({ key: "userns-remap", value: "absent", reason: "root in a container is root on the host", remedy: "Add \"userns-remap\": \"default\" to daemon.json (images are pulled anew)" });
  }
  const shown = (key: string): string => (config[key] === undefined ? "absent" : JSON.stringify(config[key]).slice(0, 200));
  if (config["icc"] !== false) {
    weak.push({ key: "icc", value: shown("icc"), reason: "containers on the default bridge reach each other", remedy: "Add \"icc\": false to daemon.json" });
  }
  const privileges = "no-new-privileges";
  if (config[privileges] !== true) {
    weak.push({ key: privileges, value: shown(privileges), reason: "setuid programs in containers gain privileges", remedy: `Add "${privileges}": true to daemon.json` });
  }
  const profile = text(config["seccomp-profile"]);
  if (profile === "unconfined") {
    weak.push({ key: "seccomp-profile", value: profile, reason: "containers may make every system call", remedy: "Remove \"seccomp-profile\" from daemon.json" });
  }
  const insecure = strings(config["insecure-registries"]);
  if (insecure.length > 0) {
    weak.push({ key: "insecure-registries", value: insecure.join(", ").slice(0, 200), reason: "whoever is on the way to the registry chooses the image", remedy: "Give the registry a certificate, and remove it from the list" });
  }
  for (const host of strings(config["hosts"]).filter(isExposed)) {
    if (config["tlsverify"] !== true) weak.push({ key: "hosts", value: host, reason: "whoever reaches this port is root on the host", remedy: "Remove the address, or set \"tlsverify\": true with certificates" });
  }
  return weak;
}

/** Docker's daemon.json; an empty text is the defaults (dockerd(8)). */
export function parseDockerConfig(source: string): EngineConfig {
  const config = source.trim() === "" ? {} : parseJson(source, "daemon.json");
  const runtimes = Object.entries(table(config["runtimes"])).flatMap(([name, value]): NamedRuntime[] => {
    const path = text(at(value, "path"));
    // Without `path` there is `runtimeType`, a containerd shim that is found by name.
    return path === undefined ? [] : [{ name, paths: [path], key: `runtimes.${name}.path` }];
  });
  return { runtimes, defaultRuntime: text(config["default-runtime"]), weak: dockerWeak(config) };
}

/** The addresses in daemon.json that the daemon listens on. */
export function dockerHosts(source: string): string[] {
  return source.trim() === "" ? [] : strings(parseJson(source, "daemon.json")["hosts"]);
}

/** Whether daemon.json has a key with a value that is not empty. */
export function dockerHas(source: string, key: string): boolean {
  const value = source.trim() === "" ? undefined : at(parseJson(source, "daemon.json"), key);
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== "" && value !== false;
}

/** The names in daemon.json's `runtimes`, with those that have no path. */
export function dockerRuntimeNames(source: string): string[] {
  return source.trim() === "" ? [] : Object.keys(table(parseJson(source, "daemon.json")["runtimes"]));
}

/** Podman's containers.conf(5): `[engine] runtime` and `[engine.runtimes]`. */
export function parsePodmanConfig(source: string): EngineConfig {
  const engine = at(parseToml(source, "containers.conf"), "engine");
  const runtimes = Object.entries(table(at(engine, "runtimes"))).map(([name, value]) => ({ name, paths: strings(value), key: `engine.runtimes.${name}` }));
  return { runtimes, defaultRuntime: text(at(engine, "runtime")), weak: [] };
}

/** containerd's config.toml, versions 1 to 3: `BinaryName` and `runtime_path` of every runtime of the CRI plugin. */
export function parseContainerdConfig(source: string): EngineConfig {
  const config = parseToml(source, "config.toml");
  const runtimes: NamedRuntime[] = [];
  let defaultRuntime: string | undefined;
  for (const [plugin, settings] of Object.entries(table(config["plugins"]))) {
    const containerd = at(settings, "containerd");
    defaultRuntime ??= text(at(containerd, "default_runtime_name"));
    for (const [name, runtime] of Object.entries(table(at(containerd, "runtimes")))) {
      const key = `plugins.${plugin}.containerd.runtimes.${name}`;
      const binary = text(at(runtime, "options", "BinaryName"));
      const shim = text(at(runtime, "runtime_path"));
      if (binary !== undefined) runtimes.push({ name, paths: [binary], key: `${key}.options.BinaryName` });
      if (shim !== undefined) runtimes.push({ name, paths: [shim], key: `${key}.runtime_path` });
    }
  }
  return { runtimes, defaultRuntime, weak: [] };
}

/** CRI-O's crio.conf(5): `[crio.runtime] default_runtime` and `[crio.runtime.runtimes.NAME] runtime_path`. */
export function parseCrioConfig(source: string): EngineConfig {
  const runtime = at(parseToml(source, "crio.conf"), "crio", "runtime");
  const runtimes = Object.entries(table(at(runtime, "runtimes"))).flatMap(([name, value]): NamedRuntime[] => {
    const path = text(at(value, "runtime_path"));
    return path === undefined ? [] : [{ name, paths: [path], key: `crio.runtime.runtimes.${name}.runtime_path` }];
  });
  return { runtimes, defaultRuntime: text(at(runtime, "default_runtime")), weak: [] };
}

/** The parser for an engine's configuration files, by the engine's name in ENGINE_KINDS. */
export const CONFIG_PARSERS: Readonly<Record<string, (source: string) => EngineConfig>> = {
  docker: parseDockerConfig, podman: parsePodmanConfig, containerd: parseContainerdConfig, "cri-o": parseCrioConfig,
};
