/** Packages of dpkg on the host that engines come in, from its own files. Nothing is executed. */
import { readText } from "../kernel/file.ts";
import type { PackageFacts } from "./facts.ts";

const STATUS = "/var/lib/dpkg/status";
const LIMIT = 64 << 20;

/** Packages that programs of engines are in, at Debian, Ubuntu, Docker and Microsoft. */
export const ENGINE_PACKAGES: readonly string[] = [
  "docker.io", "docker-ce", "moby-engine", "containerd", "containerd.io", "moby-containerd", "runc", "runc-stable", "moby-runc", "crun", "podman", "conmon", "buildah",
  "buildkit", "cri-o", "kubelet", "incus", "incus-base", "lxc", "lxd", "nvidia-container-toolkit", "nvidia-container-toolkit-base", "youki",
];

const field = (stanza: string, name: string): string | undefined => new RegExp(`^${name}: (.{1,200})$`, "m").exec(stanza)?.[1];

/** The installed packages of `names` in dpkg's status file, by name (deb822(5)). Pure. */
export function parsePackages(status: string, names: readonly string[]): Map<string, PackageFacts> {
  const found = new Map<string, PackageFacts>();
  const text = `\n${status}`;
  for (const name of names) {
    const at = text.indexOf(`\nPackage: ${name}\n`);
    if (at < 0) continue;
    const end = text.indexOf("\n\n", at + 1);
    const stanza = text.slice(at, end < 0 ? undefined : end);
    const version = field(stanza, "Version");
    // `Source: runc-app (1.3.3-0ubuntu1)` where the source has another version.
    const [source, own] = (field(stanza, "Source") ?? name).split(" ");
    if (version === undefined || field(stanza, "Status") !== "install ok installed") continue;
    const versions = /^\((.+)\)$/.exec(own ?? "")?.[1];
    found.set(name, { name, version: versions ?? version, source: source ?? name });
  }
  return found;
}

/** The package of each file, as dpkg's lists say, for those that are in one. */
export function readOwners(paths: readonly string[]): Map<string, PackageFacts> {
  const owners = new Map<string, PackageFacts>();
  const status = readText(STATUS, LIMIT);
  if (typeof status === "number") return owners;
  for (const owner of parsePackages(status, ENGINE_PACKAGES).values()) {
    const list = [`${owner.name}.list`, `${owner.name}:amd64.list`, `${owner.name}:arm64.list`].map((file) => readText(`/var/lib/dpkg/info/${file}`)).find((text) => typeof text === "string");
    const files = new Set((list ?? "").split("\n"));
    for (const path of paths) if (files.has(path) || files.has(path.replace(/^\/usr\//, "/"))) owners.set(path, owner);
  }
  return owners;
}
