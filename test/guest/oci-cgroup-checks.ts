/** What pidbox-oci is asked on a host with systemd and cgroup v2 alone: limits, device programs, scopes of systemd, as root and as a user. */
import { exampleConfig, rootlessConfig } from "../../src/spec/example-config.ts";
import type { Config, LinuxResources } from "../../src/spec/runtime-config.ts";
import type { Check } from "./checks.ts";

const ALICE = "setpriv --reuid 1000 --regid 1000 --init-groups env HOME=/home/alice XDG_RUNTIME_DIR=/run/user/1000";

interface Wanted {
  readonly cgroupsPath?: string;
  readonly resources?: LinuxResources;
  /** A program that ends by itself; otherwise it waits. */
  readonly script?: string;
  readonly capabilities?: readonly string[];
  readonly cgroupMount?: "ro" | "rw";
  readonly users?: { readonly host: number; readonly size: number };
}

function configOf({ cgroupsPath, resources, script, capabilities = [], cgroupMount = "ro", users }: Wanted): Config {
  const whole = exampleConfig("1.0.2", true);
  const alone = users?.size === 1;
  const example = alone ? rootlessConfig(whole, users.host, users.host) : whole;
  const ids = users === undefined || alone ? undefined : [{ containerID: 0, hostID: users.host, size: users.size }];
  return {
    ...example, root: { path: "/var/rootfs" },
    process: {
      cwd: "/", ...example.process, terminal: false, args: script === undefined ? ["/bin/sleep", "1000"] : ["/bin/sh", "-c", script],
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    mounts: (example.mounts ?? []).map((mount) => (mount.type === "cgroup" ? { ...mount, options: ["nosuid", "noexec", "nodev", cgroupMount] } : mount)),
    linux: {
      ...example.linux, ...(cgroupsPath === undefined ? {} : { cgroupsPath }), resources: { ...example.linux?.resources, ...resources },
      ...(ids === undefined ? {} : { uidMappings: ids, gidMappings: ids, namespaces: [...(example.linux?.namespaces ?? []), { type: "user" }] }),
    },
  };
}

/** Shell: a bundle that is the working directory from then on. */
function bundle(wanted: Wanted): string {
  return `rm -rf /tmp/bundle; mkdir -m 777 /tmp/bundle; cd /tmp/bundle; cat > config.json <<'JSON'\n${JSON.stringify(configOf(wanted))}\nJSON`;
}

/** Shell: starts container `c` in the background, with `flags` for the runtime and as `user`. */
function started(wanted: Wanted, flags = "", user = ""): string {
  return lines(bundle(wanted), `${user} pidbox-oci ${flags} run -d c </dev/null >log 2>&1 || cat log >&2`);
}

const lines = (...commands: readonly string[]): string => commands.join("\n");
const files = (directory: string, ...names: readonly string[]): string => `for f in ${names.join(" ")}; do echo $f $(cat ${directory}/$f); done`;
const DELETE = "pidbox-oci delete -f c";
const RUN = "pidbox-oci run c";
const SCOPE = "/sys/fs/cgroup/test.slice/test-a.slice/box-c.scope";
const IN_SCOPE = { cgroupsPath: "test-a.slice:box:c" } as const;
/** Makes a node and opens it; the kernel asks the rules before it finds that there is no such device. */
const tries = (type: string, major: number, minor: number): string =>
  `mknod /tmp/node ${type} ${major} ${minor} && (true < /tmp/node) 2>&1 && echo open; rm -f /tmp/node`;
const MAKES_NODES = ["CAP_MKNOD"];
const RULES: LinuxResources = { devices: [{ allow: false, access: "rwm" }, { allow: true, type: "c", major: 1, minor: 2, access: "r" }] };

const LIMITS: LinuxResources = {
  memory: { limit: 64 << 20, swap: 96 << 20, reservation: 32 << 20 }, cpu: { quota: 25500, period: 50000, shares: 512, burst: 1000, cpus: "0", mems: "0" },
  pids: { limit: 20 }, hugepageLimits: [{ pageSize: "2MB", limit: 4 << 20 }],
  blockIO: {
    weight: 500, throttleReadBpsDevice: [{ major: 254, minor: 0, rate: 1000000 }], throttleWriteIOPSDevice: [{ major: 254, minor: 0, rate: 500 }],
  },
  unified: { "memory.high": "60000000", "cgroup.max.depth": "3" },
};
const LIMIT_FILES = [
  "memory.max", "memory.swap.max", "memory.low", "memory.high", "cpu.max", "cpu.max.burst", "cpu.weight", "cpuset.cpus", "cpuset.mems", "pids.max", "hugetlb.2MB.max",
  "hugetlb.2MB.rsvd.max", "io.max", "cgroup.max.depth",
];
const LIMIT_TEXT = `memory.max 67108864
memory.swap.max 33554432
memory.low 33554432
memory.high 59998208
cpu.max 25500 50000
cpu.max.burst 1000
cpu.weight 59
cpuset.cpus 0
cpuset.mems 0
pids.max 20
hugetlb.2MB.max 4194304
hugetlb.2MB.rsvd.max 4194304
io.max 254:0 rbps=1000000 wbps=max riops=max wiops=500
cgroup.max.depth 3
`;

/** What the host cannot hold, one after the other. */
const HOMELESS: readonly LinuxResources[] = [
  { memory: { swappiness: 5 } }, { network: { classID: 5 } }, { unified: { "memory.nothing": "1" } },
  { unified: { "nothing.max": "1" } }, { cpu: { realtimeRuntime: 5 } },
];
const CHANGE: LinuxResources = { memory: { limit: 32 << 20, swap: 48 << 20 }, cpu: { quota: 10000 }, pids: { limit: 9 }, ...RULES };

const UNIFIED: Readonly<Record<string, Check>> = {
  "every limit is in the kernel, and every controller on": {
    script: lines(
      started({ cgroupsPath: "/one/two", resources: LIMITS }), files("/sys/fs/cgroup/one/two", ...LIMIT_FILES),
      "cat /sys/fs/cgroup/one/two/io.weight /sys/fs/cgroup/one/two/cgroup.controllers", DELETE, "ls -d /sys/fs/cgroup/one/two 2>/dev/null",
    ),
    out: `${LIMIT_TEXT}default 4950\ncpuset cpu io memory hugetlb pids rdma misc\n`, code: 2,
  },
  "what v1 alone has, and files that are not there, are errors that name them": {
    script: lines(
      ...HOMELESS.map((resources) => lines(bundle({ cgroupsPath: "/absent", resources, script: "true" }), RUN, "echo $?; ls -d /sys/fs/cgroup/absent 2>/dev/null")),
      "true",
    ),
    out: "1\n1\n1\n1\n1\n", err: /memory\.swappiness[^]*net_cls\.classid[^]*memory\.nothing[^]*nothing\.max[^]*cpu\.rt_runtime_us/,
  },
  "a device program lets those of the rules be opened, and others not": {
    script: lines(
      bundle({
        cgroupsPath: "/devices", capabilities: MAKES_NODES, resources: RULES,
        script: [tries("c", 1, 2), tries("c", 1, 3), tries("c", 1, 6), tries("b", 1, 2)].join("; "),
      }), RUN,
    ),
    out: /^.*No such device or address\nopen\n.*Operation not permitted\n.*Operation not permitted\n$/,
  },
  "update sets limits and replaces the program": {
    script: lines(
      started({
        cgroupsPath: "/changed", capabilities: MAKES_NODES, resources: { memory: { limit: 64 << 20, swap: 64 << 20 }, cpu: { quota: 20000, period: 50000 } },
      }),
      `echo '${JSON.stringify(CHANGE)}' | pidbox-oci update -r - c`,
      files("/sys/fs/cgroup/changed", "memory.max", "memory.swap.max", "cpu.max", "pids.max"),
      `pidbox-oci exec c /bin/sh -c '${tries("c", 1, 2)}; ${tries("c", 1, 6)}'`,
      `echo '{"memory":{"limit":4096,"checkBeforeUpdate":true}}' | pidbox-oci update -r - c 2>&1 | grep -o 'is not above the [0-9]* bytes' | tr -d 0-9`, DELETE,
    ),
    out: /^memory.max 33554432\n.*max 16777216\n.*max 10000 50000\n.*max 9\n.*No such device or address\n.*not permitted\nis not above the  bytes\n$/,
  },
  "pause stops all, kill -a reaches all, exec comes in at the limit of processes": {
    script: lines(
      started({ cgroupsPath: "/life", resources: { pids: { limit: 1 } } }), "pidbox-oci pause c; cat /sys/fs/cgroup/life/cgroup.events; pidbox-oci resume c",
      "pidbox-oci exec c /bin/echo in; pidbox-oci kill -a c KILL; while pidbox-oci state c | grep -q running; do :; done; pidbox-oci state c | grep -o stopped", DELETE,
    ),
    out: "populated 1\nfrozen 1\nin\nstopped\n",
  },
  "no processes but the first": {
    script: lines(
      bundle({ cgroupsPath: "/none", resources: { pids: { limit: 0 } }, script: "read most < /sys/fs/cgroup/pids.max; echo $most; true & true" }), `${RUN} 2>&1`,
    ),
    out: /^0\n.*can't fork.*\n$/, code: 2,
  },
  "events --stats counts": {
    script: lines(
      started({ cgroupsPath: "/counted" }), "pidbox-oci events --stats c | tr ',' '\\n' | grep -c -e '\"current\":1' -e '\"some\":' -e '\"oom_kill\":0'", DELETE,
    ),
    out: /^[4-9]\n$/,
  },
  "a container with users of its own may manage its cgroup": {
    script: lines(
      bundle({
        cgroupsPath: "/owned", cgroupMount: "rw", users: { host: 200000, size: 65536 },
        script: "cd /sys/fs/cgroup; mkdir below && echo 1 > below/cgroup.procs && echo +pids > cgroup.subtree_control && echo made; (echo 5 > memory.max) 2>/dev/null || echo no limit",
      }), RUN, "ls -d /sys/fs/cgroup/owned 2>/dev/null; true",
    ),
    out: "made\nno limit\n",
  },
  "a cgroup in use and a frozen one are refused": {
    script: lines(
      "mkdir /sys/fs/cgroup/used /sys/fs/cgroup/ice; sleep 100 & P=$!; echo $P > /sys/fs/cgroup/used/cgroup.procs; echo 1 > /sys/fs/cgroup/ice/cgroup.freeze",
      bundle({ cgroupsPath: "/used", script: "true" }), `${RUN} 2>&1 | grep -o 'is not empty'`,
      bundle({ cgroupsPath: "/ice", script: "true" }), `${RUN} 2>&1 | grep -o 'unexpectedly frozen'`,
      "cat /sys/fs/cgroup/used/cgroup.procs | wc -l; kill $P; wait $P 2>/dev/null; echo 0 > /sys/fs/cgroup/ice/cgroup.freeze; rmdir /sys/fs/cgroup/used /sys/fs/cgroup/ice",
    ),
    out: "is not empty\nunexpectedly frozen\n1\n",
  },
};

const USER_SCOPE = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/user.slice/box-c.scope";

const SYSTEMD: Readonly<Record<string, Check>> = {
  "the container is in its scope, with limits that a reload keeps": {
    script: lines(
      started({ ...IN_SCOPE, resources: LIMITS }, "--systemd-cgroup"), `cat /proc/$(cut -d' ' -f1 /run/pidbox-oci/c/init)/cgroup; wc -l < ${SCOPE}/cgroup.procs`,
      "systemctl daemon-reload", files(SCOPE, ...LIMIT_FILES), "systemctl show box-c.scope -p Delegate -p Slice -p DevicePolicy -p Description",
    ),
    out: `0::/test.slice/test-a.slice/box-c.scope\n1\n${LIMIT_TEXT}Slice=test-a.slice\nDelegate=yes\nDevicePolicy=strict\nDescription=pidbox container c\n`,
  },
  "exec, pause and update are as without": {
    script: lines(
      "pidbox-oci exec c /bin/cat /proc/self/cgroup; pidbox-oci pause c; pidbox-oci state c | grep -o paused; pidbox-oci resume c",
      "pidbox-oci update --memory 40m --memory-swap 40m --pids-limit 7 --cpu-quota 10000 c; systemctl daemon-reload",
      files(SCOPE, "memory.max", "memory.swap.max", "pids.max", "cpu.max"),
    ),
    out: "0::/\npaused\nmemory.max 41943040\nmemory.swap.max 0\npids.max 7\ncpu.max 10000 50000\n",
  },
  "delete takes the scope away": {
    script: lines(DELETE, `systemctl is-active box-c.scope; systemctl list-units --all --no-legend 'box-*'; ls -d ${SCOPE} 2>/dev/null; true`), out: "inactive\n",
  },
  "run takes it away at the end, and one that failed before is no obstacle": {
    script: lines(
      bundle({ ...IN_SCOPE, resources: { memory: { limit: 16 << 20, swap: 16 << 20 } }, script: "dd if=/dev/zero of=/dev/null bs=64M count=1; exit 3" }),
      "for i in 1 2; do pidbox-oci --systemd-cgroup run c; echo $?; done; systemctl list-units --all --no-legend 'box-*'; pidbox-oci list -q",
    ),
    out: "3\n3\n", err: /./,
  },
  "limits that leave no room for anything but the first process": {
    script: lines(
      started({ ...IN_SCOPE, resources: { memory: { limit: 2 << 20, swap: 2 << 20 }, pids: { limit: 1 } } }, "--systemd-cgroup"),
      `wc -l < ${SCOPE}/cgroup.procs`, files(SCOPE, "memory.max", "pids.max"), DELETE,
      `for i in 1 2 3 4 5; do pidbox-oci --systemd-cgroup run -d c </dev/null >log 2>&1 || cat log >&2; ${DELETE}; done`,
    ),
    out: "1\nmemory.max 2097152\npids.max 1\n",
  },
  "a failed start leaves no scope, no holder and no state": {
    script: lines(
      bundle({ ...IN_SCOPE, resources: { unified: { "memory.nothing": "1" } } }),
      "pidbox-oci --systemd-cgroup create c; echo $?; while systemctl is-active -q box-c.scope; do :; done",
      `pidbox-oci list -q; ls -d ${SCOPE} 2>/dev/null; ps -e | grep -c holder`,
    ),
    out: "1\n0\n", err: /memory\.nothing/, code: 1,
  },
  "a unit that runs already is not touched": {
    script: lines(
      "systemd-run -q --scope --unit box-c.scope sleep 1000 & while ! systemctl is-active -q box-c.scope; do :; done", bundle({ ...IN_SCOPE, script: "true" }),
      "pidbox-oci --systemd-cgroup run c 2>&1 | grep -o 'unable to start unit'; systemctl is-active box-c.scope; systemctl stop box-c.scope",
    ),
    out: "unable to start unit\nactive\n",
  },
  "another form of cgroupsPath is an error": {
    script: lines(bundle({ cgroupsPath: "/a/b" }), "pidbox-oci --systemd-cgroup create c"), code: 1, err: /expected cgroupsPath to be of format/,
  },
  "without busctl there is a clear error": {
    script: lines(bundle(IN_SCOPE), "mv /usr/bin/busctl /usr/bin/away; pidbox-oci --systemd-cgroup create c; code=$?; mv /usr/bin/away /usr/bin/busctl; exit $code"),
    code: 1, err: /busctl is not installed/,
  },
  "a user's container is in a scope of the user's manager": {
    script: lines(
      started({
        cgroupsPath: "user.slice:box:c", users: { host: 1000, size: 1 }, resources: { memory: { limit: 64 << 20 }, pids: { limit: 9 } },
      }, "--systemd-cgroup", ALICE),
      files(USER_SCOPE, "memory.max", "pids.max"), `wc -l < ${USER_SCOPE}/cgroup.procs; ${ALICE} pidbox-oci exec c /bin/echo in`,
      `${ALICE} pidbox-oci pause c; ${ALICE} pidbox-oci state c | grep -o paused; ${ALICE} pidbox-oci resume c`,
      `${ALICE} pidbox-oci update --memory 40m c; cat ${USER_SCOPE}/memory.max; ${ALICE} ${DELETE}; ls -d ${USER_SCOPE} 2>/dev/null; true`,
    ),
    out: "memory.max 67108864\npids.max 9\n1\nin\npaused\n41943040\n",
  },
};

export const OCI_CGROUP_CHECKS: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  "pidbox-oci on cgroup v2": UNIFIED, "pidbox-oci with the systemd driver": SYSTEMD,
};
