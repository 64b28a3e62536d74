/** What `do` shows of the host: which parts are hidden, and how the root is put together where an overlay is not possible. */
import { namesWithout } from "../kernel/directory-modes.ts";
import { canEnter, listDirectory, readLink, stat } from "../kernel/file.ts";
import type { Mount as HostMount } from "../kernel/mountinfo.ts";
import type { AssembledEntry } from "../plan/blueprint.ts";
import { scratch } from "../plan/defaults.ts";
import type { Mount } from "../spec/runtime-config.ts";

/** Directories that are replaced by empty ones in memory: other people's files, run-time sockets, temporary files. */
export const EMPTY: readonly (readonly [path: string, mode: string])[] = [
  ["/home", "755"],
  ["/root", "700"],
  ["/run", "755"],
  ["/tmp", "1777"],
  ["/var/tmp", "1777"],
];

/** Masked beside those: what only root or a service may read, and what names or controls containers. Absent ones cost nothing. */
const SECRETS: readonly string[] = [
  "/boot", "/etc/containers/auth.json", "/etc/credstore", "/etc/credstore.encrypted", "/etc/docker", "/etc/gshadow", "/etc/gshadow-", "/etc/krb5.keytab", "/etc/kubernetes",
  "/etc/letsencrypt", "/etc/NetworkManager/system-connections", "/etc/openvpn", "/etc/pidbox", "/etc/rancher", "/etc/security/opasswd", "/etc/shadow", "/etc/shadow-", "/etc/ssh",
  "/etc/ssl/private", "/etc/sudoers", "/etc/sudoers.d", "/etc/wireguard", "/lost+found", "/media", "/mnt", "/var/backups", "/var/lib/containerd", "/var/lib/containers",
  "/var/lib/docker", "/var/lib/kubelet", "/var/lib/pidbox", "/var/lib/private", "/var/lib/rancher", "/var/log", "/var/mail", "/var/spool/cron", "/var/spool/mail",
];

/** Keys and tokens in a home directory that was shown on purpose. */
const HOME_SECRETS: readonly string[] = [
  ".aws", ".azure", ".bash_history", ".cargo/credentials", ".cargo/credentials.toml", ".config/containers/auth.json", ".config/gcloud", ".config/gh", ".config/op", ".docker",
  ".git-credentials", ".gnupg", ".kube", ".local/share/keyrings", ".mozilla", ".netrc", ".npmrc", ".password-store", ".pgpass", ".pypirc", ".ssh", ".vault-token", ".zsh_history",
];

const KERNEL_TREES = ["/dev", "/proc", "/sys"];
const OTHERS_READ = 0o4;
const DIRECTORY = 0o040000;

/** Entries of `directory` that others may not read on the host: root inside owns root's files, so they would be readable there. */
function privateEntries(directory: string): string[] {
  const names = namesWithout(directory, OTHERS_READ);
  const prefix = directory === "/" ? "" : directory;
  return typeof names === "number" ? [] : names.map((name) => `${prefix}/${name}`);
}

function under(path: string, tree: string): boolean {
  return path === tree || path.startsWith(`${tree}/`);
}

const PROGRAM_TREES = ["/bin", "/etc", "/lib", "/lib32", "/lib64", "/sbin", "/usr", ...KERNEL_TREES];

/** The caller's home directory where it is not below those that are empty anyway, such as /var/lib/jenkins; undefined if there is none to hide. */
export function homeElsewhere(home: string | undefined): string | undefined {
  if (home === undefined || home.length < 2 || !home.startsWith("/") || home.startsWith("//") || ["/opt", "/srv", "/var"].includes(home)) return undefined;
  if (PROGRAM_TREES.some((tree) => under(home, tree)) || EMPTY.some(([tree]) => under(home, tree))) return undefined;
  const status = stat(home, { noFollow: true });
  return typeof status !== "number" && (status.mode & 0o170000) === DIRECTORY ? home : undefined;
}

/** Whether being in this directory shows nothing of it: a secret, a directory that everybody writes to, or one that the caller may not enter. */
export function isHiddenPlace(path: string): boolean {
  return path !== "/root" && EMPTY.some(([tree]) => path === tree) || SECRETS.some((secret) => under(path, secret)) || !canEnter(path);
}

/** Paths to mask, given the binds that were asked for: neither these themselves nor what lies above them. `owner`: files of root are readable inside. */
export function hiddenPaths(shown: readonly string[], owner: boolean, callerHome: string | undefined): string[] {
  const candidates = owner ? [...SECRETS, ...privateEntries("/"), ...privateEntries("/etc")] : SECRETS;
  const hidden = candidates.filter(
    (path) =>
      !shown.some((bind) => under(bind, path)) && !EMPTY.some(([empty]) => under(path, empty)) && !KERNEL_TREES.some((tree) => under(path, tree)),
  );
  const isHome = (path: string): boolean => path === "/root" || path === callerHome || (path.startsWith("/home/") && path.lastIndexOf("/") === 5);
  const all = new Set(hidden);
  for (const home of shown.filter(isHome)) {
    for (const path of HOME_SECRETS.map((name) => `${home}/${name}`)) if (!shown.some((bind) => under(bind, path))) all.add(path);
  }
  return [...all];
}

/** Which of the paths an overlay can leave out: those in a directory that anyone may enter, for the layer has one of its own there. The rest is masked. */
export function splitHidden(paths: readonly string[]): { readonly absent: string[]; readonly masked: string[] } {
  const plain = new Map<string, boolean | undefined>();
  const isPlain = (directory: string): boolean | undefined => {
    if (directory === "") return true;
    if (!plain.has(directory)) {
      const status = stat(directory, { noFollow: true });
      plain.set(directory, typeof status === "number" ? undefined : (status.mode & 0o177777) === (DIRECTORY | 0o755) && status.uid === 0 && status.gid === 0);
    }
    return plain.get(directory);
  };
  const [absent, masked]: [string[], string[]] = [[], []];
  for (const path of paths) {
    const answer = isPlain(path.slice(0, path.lastIndexOf("/")));
    // No such directory: nothing to hide.
    if (answer !== undefined) (answer ? absent : masked).push(path);
  }
  return { absent, masked };
}

/** The empty directories, the home of the user inside and that of the caller among them. */
export function emptyMounts(home: string, callerHome: string | undefined): Mount[] {
  const mounts = [...EMPTY, ...(callerHome === undefined ? [] : [[callerHome, "755"] as const])].map(([path, mode]) => scratch(path, mode));
  return mounts.some((mount) => mount.destination === home) || home === "/" ? mounts : [...mounts, scratch(home, "700")];
}

/** Filesystems that hold programs or data. */
const DATA_FILESYSTEMS = ["btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "squashfs", "xfs"];

/** Other filesystems of the host below its root (a separate /usr, /var, /opt): an overlay shows the root's own only, so these are bound read-only. */
export function separateFilesystems(mounts: readonly HostMount[]): HostMount[] {
  const found = mounts.filter(
    ({ mountPoint, type }) =>
      mountPoint !== "/" &&
      DATA_FILESYSTEMS.includes(type) &&
      !KERNEL_TREES.some((tree) => under(mountPoint, tree)) &&
      !EMPTY.some(([tree]) => under(mountPoint, tree)) &&
      !SECRETS.some((tree) => under(mountPoint, tree)),
  );
  return [...new Map(found.map((mount) => [mount.mountPoint, mount])).values()];
}

/** The top level of the host's root for a root that is assembled from read-only binds. */
export function assembledEntries(): AssembledEntry[] {
  const entries = listDirectory("/", 4096);
  if (typeof entries === "number") return [];
  const result: AssembledEntry[] = [];
  for (const { name } of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `/${name}`;
    const target = readLink(path);
    if (typeof target === "string") {
      result.push({ kind: "link", path, target });
      continue;
    }
    const status = stat(path, { noFollow: true });
    const hidden = [...KERNEL_TREES, ...EMPTY.map(([tree]) => tree), "/lost+found", "/boot", "/mnt", "/media"].includes(path);
    if (typeof status !== "number" && (status.mode & 0o170000) === DIRECTORY && !hidden) result.push({ kind: "bind", path });
  }
  return result;
}
