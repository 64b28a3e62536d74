/**
 * Which engine made a container, told from cgroup paths and from the process that started it. Pure.
 *
 * Cgroup names and parents of a container directly on the host are set by its engine. Below a container both are its own claims:
 * they name things for people and decide nothing.
 */

export const ENGINES = [
  "pidbox", "docker", "containerd", "podman", "cri-o", "kubernetes", "lxc", "incus", "lxd", "systemd-nspawn", "bubblewrap", "runc", "crun", "unshare", "unknown",
] as const;
export type Engine = (typeof ENGINES)[number];

export interface Recognition {
  readonly engine: Engine;
  /** The engine's own id of the container, where the evidence holds one. */
  readonly id?: string;
  readonly name?: string;
  /** UID of the Kubernetes pod. */
  readonly pod?: string;
}

const HEX64 = /^[0-9a-f]{64}$/;

// Names of systemd scopes: ENGINE-ID.scope. podman's cgroupfs form is the same without suffix; `libpod-payload-` is --cgroups=split.
const SCOPES: readonly { pattern: RegExp; engine: Engine }[] = [
  { pattern: /^pidbox-([0-9a-f]{64})\.scope$/, engine: "pidbox" },
  { pattern: /^docker-([0-9a-f]{64})\.scope$/, engine: "docker" },
  { pattern: /^cri-containerd-([0-9a-f]{64})(?:\.scope)?$/, engine: "containerd" },
  { pattern: /^(?:nerdctl|containerd)-([0-9a-f]{64})\.scope$/, engine: "containerd" },
  { pattern: /^libpod-(?:payload-)?([0-9a-f]{64})(?:\.scope)?$/, engine: "podman" },
  { pattern: /^crio-([0-9a-f]{64})(?:\.scope)?$/, engine: "cri-o" },
];

/** systemd's escapes in unit names: `\x2d` for a byte that is not allowed there (systemd.unit(5)). */
function unescapeUnit(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

// kubepods/burstable/pod<uid> (cgroupfs) or kubepods-burstable-pod<uid with _>.slice (systemd).
function podOf(components: readonly string[]): string | undefined {
  for (let i = components.length - 1; i >= 0; i--) {
    const match = /^(?:kubepods(?:-[a-z]+)*-)?pod([0-9a-f][0-9a-f_-]{7,63})(?:\.slice)?$/.exec(components[i] ?? "");
    if (match !== null && components.some((c) => c.startsWith("kubepods"))) return (match[1] ?? "").replaceAll("_", "-");
  }
  return undefined;
}

function named(engine: Engine, name: string): Recognition {
  return { engine, id: name, name };
}

function recogniseComponent(component: string, above: string, below: string | undefined): Recognition | undefined {
  for (const { pattern, engine } of SCOPES) {
    const id = pattern.exec(component)?.[1];
    if (id !== undefined) return { engine, id };
  }
  if (HEX64.test(component)) {
    if (above === "pidbox") return { engine: "pidbox", id: component };
    if (above === "docker") return { engine: "docker", id: component };
    return { engine: "unknown", id: component };
  }
  if (above === "buildkit" && /^[0-9a-z]{25}$/.test(component)) return { engine: "docker", id: component };
  // lxc >= 4: lxc.payload.NAME; before: lxc.payload/NAME, lxc/NAME. lxc.monitor.NAME holds the supervisor only.
  const payload = /^lxc\.payload\.(.+)$/.exec(component)?.[1];
  if (payload !== undefined) return named("lxc", payload);
  if (above === "lxc.payload" || above === "lxc") return named("lxc", component);
  const machine = /^machine-(.+)\.scope$/.exec(component)?.[1] ?? /^systemd-nspawn@(.+)\.service$/.exec(component)?.[1];
  // libvirt registers its machines in the same place; below an nspawn service, `supervisor` is systemd-nspawn itself.
  if (machine !== undefined && !/^(qemu|lxc)\\x2d/.test(machine) && below !== "supervisor") return named("systemd-nspawn", unescapeUnit(machine));
  // Flatpak runs bubblewrap in a scope of the user's manager: app-flatpak-APP-NUMBER.scope.
  const flatpak = /^app-flatpak-(.+)-[0-9]+\.scope$/.exec(component)?.[1];
  return flatpak === undefined ? undefined : { engine: "bubblewrap", name: unescapeUnit(flatpak) };
}

/** What one cgroup path says; the deepest match wins, so that a container inside a container is the inner one. */
export function recogniseCgroup(path: string): Recognition | undefined {
  const components = path.split("/").filter((c) => c !== "");
  for (let i = components.length - 1; i >= 0; i--) {
    const found = recogniseComponent(components[i] ?? "", components[i - 1] ?? "", components[i + 1]);
    if (found === undefined) continue;
    const pod = podOf(components.slice(0, i));
    if (pod === undefined) return found;
    return { ...found, engine: found.engine === "unknown" ? "kubernetes" : found.engine, pod };
  }
  return undefined;
}

function valueOf(command: readonly string[], ...names: readonly string[]): string | undefined {
  const at = command.findIndex((word) => names.includes(word));
  return at < 0 ? undefined : command[at + 1];
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

// containerd-shim-runc-v2 -namespace NS -id ID: of docker (`moby`), of the kubelet (`k8s.io`: the id is the pod's), of others.
function recogniseShim(command: readonly string[]): Recognition {
  const namespace = valueOf(command, "-namespace", "--namespace");
  const id = valueOf(command, "-id", "--id");
  if (namespace === "k8s.io") return { engine: "containerd" };
  return { engine: namespace === "moby" ? "docker" : "containerd", ...(id === undefined ? {} : { id }) };
}

function recogniseConmon(command: readonly string[]): Recognition {
  const id = valueOf(command, "-c", "--cid");
  const name = valueOf(command, "-n", "--name");
  const engine = command.some((word) => word.includes("/crio/") || word.includes("/crio.")) ? "cri-o" : "podman";
  return { engine, ...(id === undefined ? {} : { id }), ...(name === undefined ? {} : { name }) };
}

// The monitor of LXC, LXD and Incus retitles itself "[lxc monitor] LXCPATH NAME", as one argument.
function recogniseMonitor(title: string): Recognition | undefined {
  const match = /^\[lxc monitor\] (\S+) (\S+)/.exec(title);
  if (match === null) return undefined;
  const [, path = "", name = ""] = match;
  const engine = path.includes("/incus") ? "incus" : path.includes("/lxd") ? "lxd" : "lxc";
  return named(engine, name);
}

function recogniseNspawn(command: readonly string[]): Recognition {
  const joined = command.find((word) => word.startsWith("--machine="))?.slice("--machine=".length);
  const directory = valueOf(command, "-D", "--directory") ?? command.find((word) => word.startsWith("--directory="))?.slice("--directory=".length);
  const name = joined ?? valueOf(command, "-M", "--machine") ?? (directory === undefined ? undefined : baseName(directory.replace(/\/+$/, "")));
  return name === undefined || name === "" ? { engine: "systemd-nspawn" } : named("systemd-nspawn", name);
}

// `runc [OPTIONS] run|create|exec [OPTIONS] ID`: the id of `run` is the last word, as runc allows no words after it.
function recogniseRuntime(engine: "runc" | "crun", command: readonly string[]): Recognition {
  const id = command.includes("run") || command.includes("create") ? command.at(-1) : undefined;
  return { engine, ...(id === undefined || id === "" ? {} : { id, name: id }) };
}

/** What the process that started a container's init says: its name (comm) and its arguments. */
export function recogniseParent(name: string, command: readonly string[]): Recognition | undefined {
  const monitor = recogniseMonitor(command[0] ?? "");
  if (monitor !== undefined) return monitor;
  const first = baseName(command[0] ?? "");
  const program = first === "busybox" ? (command[1] ?? "") : first;
  const is = (text: string): boolean => program === text || name === text;
  if (program.startsWith("containerd-shim") || name.startsWith("containerd-shim")) return recogniseShim(command);
  if (is("conmon")) return recogniseConmon(command);
  if (is("systemd-nspawn")) return recogniseNspawn(command);
  if (is("bwrap")) return { engine: "bubblewrap" };
  if (is("unshare")) return { engine: "unshare" };
  if (is("runc")) return recogniseRuntime("runc", command);
  if (is("crun")) return recogniseRuntime("crun", command);
  if (!is("lxc-execute") && !is("lxc-start")) return undefined;
  const container = valueOf(command, "-n", "--name");
  return container === undefined ? { engine: "lxc" } : named("lxc", container);
}
