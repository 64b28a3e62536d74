import type { Answer } from "../../report/finding.ts";
import { finding, inapplicable, pass, saw } from "../check.ts";
import type { HostCheck } from "../check.ts";

const SOCKETS: readonly string[] = [
  "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock", "/run/crio/crio.sock", "/run/buildkit/buildkitd.sock",
  "/run/k3s/containerd/containerd.sock", "/var/lib/incus/unix.socket", "/var/lib/lxd/unix.socket", "/var/snap/lxd/common/lxd/unix.socket",
];
const GROUP = "/etc/group";
const S_IFSOCK = 0o140000;
const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, "0");

/** Name and members of a group in /etc/group. */
function groupOf(text: string, gid: number): { readonly name: string; readonly members: readonly string[] } | undefined {
  for (const line of text.split("\n", 10_000)) {
    const [name, , number, members] = line.split(":");
    if (name !== undefined && number === String(gid)) return { name, members: (members ?? "").split(",").filter((member) => member !== "") };
  }
  return undefined;
}

export const check: HostCheck = {
  scope: "host",
  id: "U05",
  name: "engine-socket-users",
  title: "Users without privileges may give orders to an engine",
  severity: "high",
  why: "Whoever may write to an engine's socket is root of the host by one command. Membership of the group docker is root without a password and without a line in the log.",
  references: ["CIS Docker 3.15", "CIS Docker 1.1.2", "T1078"],
  remedy: {
    text: "Take people out of the group and let them use sudo, or rootless engines",
    docker: "dockerd-rootless-setuptool.sh install",
    podman: "podman   # as the user; it needs no daemon",
    host: "gpasswd -d USER docker; chmod 0660 /run/docker.sock",
  },
  reads: { files: [GROUP], paths: SOCKETS },
  evaluate({ host: { paths, files } }) {
    const groups = files.get(GROUP);
    const answers = SOCKETS.flatMap((path): Answer[] => {
      const status = paths.get(path);
      if (typeof status !== "object" || (status.mode & 0o170000) !== S_IFSOCK) return [];
      const evidence = saw(path, `mode ${octal(status.mode)}, owner ${status.uid}:${status.gid}`);
      if ((status.mode & 0o002) !== 0) return [{ ...finding(`every user may write to ${path}`, evidence), severity: "critical" }];
      if (status.uid !== 0) return [finding(`${path} belongs to uid ${status.uid}`, evidence)];
      if (status.gid === 0 || (status.mode & 0o020) === 0) return [pass(`${path} is root's`, evidence)];
      const group = typeof groups === "string" ? groupOf(groups, status.gid) : undefined;
      if (group === undefined) return [{ ...finding(`the group ${status.gid} may write to ${path}`, evidence), severity: "medium" }];
      if (group.members.length === 0) return [pass(`${path} is root's and of the group ${group.name}, which has no members`, evidence)];
      return [finding(`${group.members.slice(0, 10).join(", ")} of the group ${group.name} may write to ${path}`, evidence, saw(GROUP, `${group.name}: ${group.members.length} members`))];
    });
    return answers.length > 0 ? answers : inapplicable("no engine has a socket here");
  },
};
