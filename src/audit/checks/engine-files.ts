import type { Answer } from "../../report/finding.ts";
import { finding, inapplicable, pass, saw } from "../check.ts";
import type { HostCheck } from "../check.ts";

interface Place {
  readonly path: string;
  /** Bits that nobody may have. */
  readonly forbidden: number;
  readonly reason: string;
}

const WRITE = 0o022;
const OTHERS = 0o007;
const written = "who can change it becomes root with the next container";
const entered = "other users run and read what is in images";
const PLACES: readonly Place[] = [
  ...["/etc/docker", "/etc/docker/daemon.json", "/etc/containerd", "/etc/containerd/config.toml", "/etc/containers", "/etc/containers/containers.conf", "/etc/containers/policy.json",
    "/etc/containers/registries.conf", "/etc/crio/crio.conf", "/lib/systemd/system/docker.service", "/lib/systemd/system/docker.socket", "/lib/systemd/system/containerd.service",
    "/etc/systemd/system/docker.service", "/etc/docker/certs.d", "/run/containerd"].map((path) => ({ path, forbidden: WRITE, reason: written })),
  // CVE-2021-41091: Docker makes it 0710 since 20.10.9.
  { path: "/var/lib/docker", forbidden: OTHERS | 0o020, reason: entered },
  // CVE-2024-25621: 0700 since 1.7.29, 2.0.7 and 2.1.5.
  { path: "/var/lib/containerd", forbidden: 0o077, reason: entered },
  { path: "/run/containerd/io.containerd.grpc.v1.cri", forbidden: 0o077, reason: entered },
  { path: "/run/containerd/io.containerd.sandbox.controller.v1.shim", forbidden: 0o077, reason: entered },
  { path: "/var/lib/containers", forbidden: WRITE, reason: written },
  { path: "/var/lib/containers/storage", forbidden: OTHERS | 0o020, reason: entered },
  { path: "/etc/docker/key.json", forbidden: 0o077, reason: "it is the daemon's private key" },
  { path: "/root/.docker/config.json", forbidden: 0o077, reason: "it has passwords of registries" },
];
const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, "0");

export const check: HostCheck = {
  scope: "host",
  id: "U07",
  name: "engine-files",
  title: "Files of an engine are open to others",
  severity: "medium",
  why:
    "Configuration that others may write decides what root runs. Directories of images and containers that others may enter hand them setuid programs and old libraries of every image " +
    "(CVE-2021-41091, CVE-2024-25621).",
  references: ["CIS Docker 3.1", "CIS Docker 3.5", "CVE-2021-41091", "CVE-2024-25621"],
  remedy: { text: "Give them back to root", host: "chown root:root PATH && chmod go-w PATH; chmod 0710 /var/lib/docker; chmod 0700 /var/lib/containerd" },
  reads: { paths: PLACES.map(({ path }) => path) },
  evaluate({ host: { paths } }) {
    const there = PLACES.flatMap((place) => {
      const status = paths.get(place.path);
      return typeof status === "object" ? [{ place, status }] : [];
    });
    if (there.length === 0) return inapplicable("no file of an engine is here");
    const wrong = there.flatMap(({ place: { path, forbidden, reason }, status: { mode, uid, gid } }): Answer[] => {
      const evidence = saw(path, `mode ${octal(mode)}, owner ${uid}:${gid}`);
      if (uid !== 0) return [{ ...finding(`${path} belongs to uid ${uid}: ${written}`, evidence), severity: "high" }];
      if ((mode & forbidden) === 0) return [];
      const grave = (mode & 0o002) !== 0 && (mode & 0o1000) === 0;
      return [{ ...finding(`${path} has mode ${octal(mode)}: ${reason}`, evidence), severity: grave ? "high" : "medium" }];
    });
    return wrong.length > 0 ? wrong : pass(`${there.length} are root's alone`, ...there.map(({ place, status }) => saw(place.path, octal(status.mode))));
  },
};
