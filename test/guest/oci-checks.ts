/** What pidbox-oci is asked in the guest: cgroup v2 alone, a root that is shared as systemd has it, and a kernel without the newer mount calls. */
import type { Config, Linux, Mount } from "../../src/spec/runtime-config.ts";
import { configOf, ownUsers } from "../oci/scene.ts";
import type { Check } from "./checks.ts";

const USERS = 100_000;
const NAMESPACES = ["mount", "pid", "ipc", "uts", "network", "cgroup"] as const;
const without = (...types: readonly string[]): Pick<Linux, "namespaces"> => ({
  namespaces: NAMESPACES.filter((type) => !types.includes(type)).map((type) => ({ type })),
});

let count = 0;

/** Runs a container of this config, whose root is the guest's. */
function start(config: Config, flags = ""): string {
  const id = `oci${++count}`;
  return `mkdir -p /tmp/${id}; cat >/tmp/${id}/config.json <<'END'
${JSON.stringify({ ...config, root: { path: "/var/rootfs" } })}
END
pidbox oci --root /run/oci-test run ${flags} --bundle /tmp/${id} ${id}`;
}

interface Wish {
  readonly linux?: Partial<Linux>;
  readonly mounts?: readonly Mount[];
  /** In the guest, before. */
  readonly before?: string;
  readonly flags?: string;
}

const inside = (script: string, { before = "true", flags, ...change }: Wish = {}): string => `${before}\n${start(configOf(script, change), flags)}`;

const CGROUPS = "busybox awk '$5 == \"/sys/fs/cgroup\" { print $4, $6, $8 }' /proc/self/mountinfo";
const ADMIN = ["CAP_SYS_ADMIN"];

export const OCI_CHECKS: Readonly<Record<string, Check>> = {
  "shows the container its own cgroup": {
    script: inside(`${CGROUPS}; cat /proc/self/cgroup /sys/fs/cgroup/cgroup.procs | busybox head -n 2`), out: "/ ro,nosuid,nodev,noexec,relatime cgroup2\n0::/\n1\n",
  },
  "shows the host's tree without a cgroup namespace, whose options stay": {
    script: `${inside(`${CGROUPS}; ls -d /sys/fs/cgroup/init.scope`, { linux: without("cgroup") })}; grep -c 'cgroup2.*nsdelegate' /proc/self/mountinfo`,
    out: "/ ro,nosuid,nodev,noexec,relatime cgroup2\n/sys/fs/cgroup/init.scope\n1\n",
  },
  "shows users of another namespace their own cgroup alone": {
    script: inside(`${CGROUPS}; cat /sys/fs/cgroup/cgroup.procs | busybox head -n 1`, {
      linux: { ...ownUsers(USERS), namespaces: (ownUsers(USERS).namespaces ?? []).filter(({ type }) => type !== "cgroup") },
    }),
    out: /^\/pidbox\/oci\d+ ro,nosuid,nodev,noexec,relatime cgroup2\n1\n$/,
  },
  "mounts nothing on a host that shares its root, with users of its own or without": {
    script: [{}, { rootfsPropagation: "rshared" as const }, ownUsers(0)].map((linux) => start(configOf("mount -t tmpfs inside /tmp", {
      linux: { ...without(), ...linux }, process: { capabilities: { bounding: ADMIN, effective: ADMIN, permitted: ADMIN } },
    }))).join("\n") + "\ngrep -c ' / / .*shared:' /proc/self/mountinfo; grep -c 'rootfs/\\|inside' /proc/self/mountinfo",
    code: 1, out: "1\n0\n",
  },
  "masks paths where detached mounts cannot be copied": {
    script: inside("cat /proc/kcore | busybox wc -c; ls /sys/firmware | busybox wc -l; (echo x >/proc/sys/kernel/domainname) 2>/dev/null || echo no", {
      linux: { ...without(), maskedPaths: ["/proc/kcore", "/sys/firmware"], readonlyPaths: ["/proc/sys"] },
    }),
    out: "0\n0\nno\n",
  },
  "maps the ids of a mount, lays an overlay, fills a tmpfs": {
    script: inside("stat -c %u /mnt/mapped/x; cat /mnt/overlay/a /etc/name", {
      before: "mkdir -p /var/mapped /tmp/l1 /tmp/l2; touch /var/mapped/x; echo two >/tmp/l2/a",
      mounts: [
        {
          destination: "/mnt/mapped", source: "/var/mapped", options: ["bind", "idmap"], uidMappings: [{ containerID: 0, hostID: 77, size: 1 }],
          gidMappings: [{ containerID: 0, hostID: 77, size: 1 }],
        },
        { destination: "/mnt/overlay", type: "overlay", source: "overlay", options: ["lowerdir=/tmp/l1:/tmp/l2"] },
        { destination: "/etc", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"] },
      ],
    }),
    out: "77\ntwo\nname\n",
  },
  "sets clocks off": {
    script: inside("cat /proc/self/timens_offsets | tr -s ' '", {
      linux: { namespaces: [...NAMESPACES, "time" as const].map((type) => ({ type })), timeOffsets: { boottime: { secs: 86_400 } } },
    }),
    out: "monotonic 0 0\nboottime 86400 0\n",
  },
  "does without pivot_root": { script: inside("ls -d /srv 2>/dev/null || echo no; cat /etc/name", { flags: "--no-pivot" }), out: "no\nname\n" },
};
