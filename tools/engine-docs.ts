/** docs/engines.md: how engines are told of pidbox-oci, what is tested with them, and where it differs from runc. */
import { registration } from "../src/engine/installed-registration.ts";
import { DIFFERENCES, FORMS } from "../test/engines/differences.ts";

const BINARY = "/usr/local/bin/pidbox-oci";

const INTRO = `# pidbox-oci below Docker, containerd, Podman and CRI-O

\`sudo pidbox install\` puts \`pidbox-oci\` into /usr/local/bin, and \`pidbox doctor\` prints the lines below for the engines that it finds.
`;

const TESTED = `## What is tested

\`test/engines\` starts real engines (Debian 12: Docker 20.10, containerd 1.6, Podman 4.3) with directories, networks and cgroups of their
own. Each scenario runs with runc and with pidbox-oci. Exit codes, output, error messages, and all that a program can see of its container
(ids, capabilities, limits, mounts, devices, namespaces, cgroups, kernel parameters) must be the same, but for the differences in the table.

- **Docker**: how programs start, fail and end; exec, also at a terminal; logs, attach, stop, kill, pause, update, top, stats, cp, diff,
  export, health checks, restart policies, an init; volumes, binds and their propagation, tmpfs, devices; bridges, published ports, shared
  namespaces, sysctls; all limits and the end of memory; capabilities, filters, \`--privileged\`; \`docker build\`, \`docker-compose up\`,
  user namespaces; 50 containers at once; a daemon that is killed and comes back with live-restore.
- **containerd**: \`ctr run\` and \`ctr task\` (exec, pause, resume, kill, metrics, ps, delete), user namespaces, joined namespaces, and
  pods by Kubernetes' interface (CRI), with the runtime chosen by \`BinaryName\`.
- **Podman**, as root and without: run, exec, terminals, stop, kill, health checks, cp, volumes, pods with shared PIDs,
  \`--pid=container:\`, \`--userns=auto\`, \`--userns=keep-id\`, published ports, \`podman build\`.

\`test/guest\` runs those that depend on the kind of host once more in a virtual machine, on Debian 12 with systemd, cgroup v2 alone, AppArmor and
Linux 6.1. There the engines have the systemd driver, and there is more to see: limits in a scope that outlive a reload of systemd, device programs, profiles
of AppArmor, and containers of a user in scopes of the user's own manager. Whether docker knows that a container's first process ended for want of memory
(\`OOMKilled\`) is not compared there: systemd may take the cgroup away before containerd's shim has read it, with any runtime (containerd#12714).

CRI-O is not in Debian 12, and is not tested.
`;

function configuration(engine: string, title: string): string {
  const found = registration(engine, BINARY, []);
  if (found === undefined) throw new Error(`nothing is known of ${engine}`);
  const { file, lines, next } = found;
  return [`## ${title}`, "", `In \`${file}\`:`, "", "```", ...lines, "```", "", ...next.map((line) => `- ${line}`), ""].join("\n");
}

const cell = (text: string): string => text.replaceAll("|", "\\|");

function table(): string {
  const seen = new Map<string, { readonly reason: string; readonly where: Set<string> }>();
  for (const { what, reason } of FORMS) seen.set(what, { reason, where: new Set(["all engines"]) });
  for (const { what, reason, engine, scenario } of DIFFERENCES) {
    const row = seen.get(what) ?? { reason, where: new Set<string>() };
    row.where.add(`${engine}: ${scenario}`);
    seen.set(what, row);
  }
  const rows = [...seen].map(([what, { reason, where }]) => `| ${cell(what)} | ${cell(reason)} | ${cell([...where].join("; "))} |`);
  return ["## Differences to runc", "", "| what | why | seen in |", "| --- | --- | --- |", ...rows, ""].join("\n");
}

export function enginesPage(): string {
  const parts = [
    INTRO, configuration("docker", "Docker"), configuration("containerd", "containerd"), configuration("podman", "Podman"), configuration("cri-o", "CRI-O"),
    TESTED, table(),
  ];
  return parts.join("\n");
}
