/** Which paths of a host are dangerous to have in a container. Pure. */
import { under } from "./mount-tree.ts";

export interface SensitivePath {
  /** The path of the list that it is, is above, or is below. */
  readonly path: string;
  readonly why: string;
}

/** Dangerous as a whole: a mount of it or of anything above. A directory below, such as one project in a home, is not. */
const WHOLE: Readonly<Record<string, string>> = {
  "/etc": "accounts and configuration", "/root": "root's home", "/home": "every home", "/boot": "kernels",
  "/dev": "every device node", "/run": "sockets of services", "/usr": "programs of the host",
  "/var/lib/docker": "every container's files", "/var/lib/docker/overlay2": "every container's files",
  "/var/lib/docker/volumes": "every volume", "/var/lib/docker/containers": "every container's logs and secrets",
  "/var/lib/containers": "every container's files", "/var/lib/containers/storage": "every container's files",
  "/var/lib/containerd": "every container's files", "/var/lib/rancher": "the cluster's secrets",
  "/var/lib/kubelet": "every pod's secrets", "/var/lib/kubelet/pods": "every pod's secrets",
  "/var/lib/kubelet/pki": "the node's keys", "/var/lib/etcd": "the cluster's database",
  "/var/lib/pidbox": "every container's files", "/run/containerd": "containers' state and sockets",
  "/run/docker": "containers' state", "/run/user": "every user's sockets", "/run/systemd": "the system's manager",
  "/var/run": "sockets of services", "/lib/modules": "kernel modules", "/usr/lib/modules": "kernel modules",
  "/usr/bin": "programs of the host", "/usr/sbin": "programs of the host", "/usr/lib": "libraries of the host",
  "/bin": "programs of the host", "/sbin": "programs of the host", "/lib": "libraries of the host",
};

/** Dangerous as they are and in every part. */
const TREES: Readonly<Record<string, string>> = {
  "/etc/shadow": "password hashes", "/etc/gshadow": "password hashes", "/etc/sudoers": "who may become root",
  "/etc/sudoers.d": "who may become root", "/etc/ssh": "the host's keys", "/etc/pam.d": "how users log in",
  "/etc/cron.d": "jobs that root runs", "/etc/crontab": "jobs that root runs", "/etc/cron.daily": "jobs that root runs",
  "/etc/cron.hourly": "jobs that root runs", "/etc/cron.weekly": "jobs that root runs", "/var/spool/cron": "jobs that are run",
  "/etc/systemd": "services that root runs", "/usr/lib/systemd/system": "services that root runs",
  "/lib/systemd/system": "services that root runs", "/run/systemd/system": "services that root runs",
  "/etc/init.d": "services that root runs", "/etc/kubernetes": "the cluster's keys", "/etc/docker": "the engine's configuration",
  "/etc/containerd": "the engine's configuration", "/etc/ld.so.preload": "what every program loads",
  "/etc/modprobe.d": "how modules are loaded", "/etc/udev": "programs that root runs", "/boot": "kernels",
  "/root/.ssh": "root's keys",
};

/** In every home. */
const SECRETS = /^(\/root|\/home\/[^/]+)\/\.(ssh|aws|azure|kube|docker|gnupg|config\/gcloud|config\/gh|netrc|git-credentials|password-store|mozilla)(\/|$)/;
const HOME = /^\/home\/[^/]+$/;

/** What makes `path` dangerous, if anything does. */
export function sensitivePath(path: string): SensitivePath | undefined {
  if (path === "/") return { path, why: "the whole host" };
  const secret = SECRETS.exec(path);
  if (secret !== null) return { path, why: "keys and credentials" };
  if (HOME.test(path)) return { path, why: "a whole home" };
  for (const [tree, why] of Object.entries(TREES)) if (under(path, tree)) return { path: tree, why };
  for (const [whole, why] of Object.entries(WHOLE)) if (under(whole, path)) return { path: whole, why };
  return undefined;
}

/** Whether `path` is below what the kernel makes up. */
export function isKernelTree(path: string): boolean {
  return ["/proc", "/sys", "/dev"].some((tree) => under(path, tree));
}

const STORAGE = [
  ...["docker", "containers", "containerd", "kubelet", "rancher", "pidbox", "lxc", "incus", "lxd"].map((engine) => `/var/lib/${engine}`), "/run",
];

/** Whether `path` is part of what engines keep for their containers: directories that only root may enter. */
export function isEngineStorage(path: string): boolean {
  return STORAGE.some((tree) => under(path, tree)) || /\/\.local\/share\/(containers|docker|pidbox)\//.test(path);
}
