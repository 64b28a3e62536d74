/** config-linux.md: devices, default devices, network devices; runtime-linux.md: links in /dev, descriptors. */
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { type Bench, withDescriptor } from "./bench.ts";
import { type Case, clause, look, verdict, verdicts } from "./case.ts";
import { DEVPTS, merge, namespaces, type Patch, PROC, USER } from "./config.ts";
import { withConsole } from "./console.ts";

const devices = clause("config-linux.md#configLinuxDevices");
const defaults = clause("config-linux.md#configLinuxDefaultDevices");
const network = clause("config-linux.md#configLinuxNetworkDevices");
const descriptors = clause("runtime-linux.md#runtimeLinuxFileDescriptors");
const links = clause("runtime-linux.md#runtimeLinuxDevSymbolicLinks");

/** The same as /dev/full: a device whose use can be told from that of others. */
const FULL: Patch = { path: "/dev/other", type: "c", major: 1, minor: 7 };
const device = (...list: readonly Patch[]): Patch => ({ linux: { devices: list, resources: { devices: [{ allow: true, access: "rwm" }] } } });

const DEVICES: readonly Case[] = [
  devices("devices-available", "MUST", "`devices` lists devices that MUST be available in the container.", { "stat:/dev/other": "char 646 7:8 1:7", "write:/dev/other:x": "ENOSPC", "open:/dev/other:r": "ok" },
    look(device({ ...FULL, fileMode: 0o646, uid: 7, gid: 8 }), "stat:/dev/other", "write:/dev/other:x", "open:/dev/other:r")),
  devices("devices-types", "MUST", "`type` - type of device: `c`, `b`, `u` or `p`.", { c: "char", u: "char", b: "block", p: "fifo" }, async (bench) => {
    const list = [
      { path: "/dev/tc", type: "c", major: 1, minor: 7 }, { path: "/dev/tu", type: "u", major: 1, minor: 8 },
      { path: "/dev/tb", type: "b", major: 7, minor: 200 }, { path: "/dev/tp", type: "p" },
    ];
    const found = await bench.look(device(...list), list.map(({ path }) => `stat:${path}`));
    return Object.fromEntries(["c", "u", "b", "p"].map((type) => [type, found[`stat:/dev/t${type}`]?.split(" ")[0]]));
  }),
  devices("devices-type-invalid", "MUST", "type of device: `c`, `b`, `u` or `p`", { c: "accepted", x: "refused", absent: "refused" },
    verdicts({ c: device(FULL), x: device({ ...FULL, type: "x" }), absent: device({ ...FULL, type: undefined }) })),
  devices("devices-anywhere", "MAY", "The path MAY be anywhere in the container filesystem, notably outside of `/dev`.", { "stat:/home/new/null": "char 666 0:0 1:3" },
    look(device({ path: "/home/new/null", type: "c", major: 1, minor: 3, fileMode: 0o666 }), "stat:/home/new/null")),
  devices("devices-existing", "MUST", "If a file already exists at `path` that does not match the requested device, the runtime MUST generate an error.",
    { absent: "accepted", file: "refused", "other device": "refused", "same device": "accepted" }, async (bench) => {
      const found: Record<string, string> = {};
      for (const [name, make] of Object.entries({ absent: "true", file: "touch x", "other device": "mknod x c 1 5", "same device": "mknod x c 1 7" })) {
        const container = bench.container(device({ ...FULL, path: "/home/x" }));
        Bun.spawnSync(["sh", "-c", make], { cwd: `${container.rootfs}/home` });
        found[name] = (await container.run()).code === 0 ? "accepted" : "refused";
      }
      return found;
    }),
  devices("devices-path-required", "MUST", "`path` (string, REQUIRED)", { path: "accepted", absent: "refused", relative: "refused" },
    verdicts({ path: device(FULL), absent: device({ ...FULL, path: undefined }), relative: device({ ...FULL, path: "dev/other" }) })),
  devices("devices-numbers-required", "MUST", "`major, minor` (int64, REQUIRED unless `type` is `p`)", { both: "accepted", fifo: "accepted", none: "refused" },
    verdicts({ both: device(FULL), fifo: device({ path: "/dev/fifo", type: "p" }), none: device({ path: "/dev/other", type: "c" }) })),
  devices("devices-mode-default", "MAY", "`fileMode`, `uid`, `gid` (OPTIONAL)", { "stat:/dev/other": "char", owner: "0:0" }, async (bench) => {
    const words = (await bench.look(device(FULL), ["stat:/dev/other"]))["stat:/dev/other"]?.split(" ") ?? [];
    return { "stat:/dev/other": words[0], owner: words[2] };
  }),
  devices("devices-owner-namespace", "MUST", "`uid`, `gid` - id of device owner in the container namespace.", { "write:/dev/other:x": "ENOSPC", "stat:/dev/other": "1:7" }, async (bench) => {
    const found = await bench.look(merge(USER, device({ ...FULL, fileMode: 0o666 })), ["write:/dev/other:x", "stat:/dev/other"]);
    return { ...found, "stat:/dev/other": found["stat:/dev/other"]?.split(" ")[3] };
  }),
  devices("devices-umask", "MUST", "`fileMode` - file mode for the device", { "stat:/dev/other": "char 666 0:0 1:7" }, (bench) =>
    bench.look(device({ ...FULL, fileMode: 0o666 }), ["stat:/dev/other"], { before: ["sh", "-c", 'umask 077 && exec "$@"', "sh"] })),
  devices("devices-others", "MAY", "Containers MAY NOT access any device node that is not either explicitly referenced or a default device.", { "open:/home/kmsg:r": "EPERM", "open:/dev/kmsg:r": "ENOENT" }, async (bench) => {
    const patch: Patch = {
      process: { capabilities: Object.fromEntries(["bounding", "effective", "permitted"].map((set) => [set, ["CAP_MKNOD"]])) },
      linux: { resources: { devices: [{ allow: false, access: "rwm" }] } },
    };
    const found = await bench.look(patch, ["mknod:/home/kmsg:c:1:11", "open:/home/kmsg:r", "open:/dev/kmsg:r"]);
    // Without the node there is nothing to open.
    return { "open:/home/kmsg:r": found["mknod:/home/kmsg:c:1:11"] === "EPERM" ? "EPERM" : found["open:/home/kmsg:r"], "open:/dev/kmsg:r": found["open:/dev/kmsg:r"] };
  }),
];

const NODES = { null: "1:3", zero: "1:5", full: "1:7", random: "1:8", urandom: "1:9", tty: "5:0" };
const nodeQueries = Object.keys(NODES).map((name) => `stat:/dev/${name}`);
const nodes = (found: Record<string, string>): Record<string, string | undefined> =>
  Object.fromEntries(Object.keys(NODES).map((name) => [name, /^char 666 .* (\d+:\d+)$/.exec(found[`stat:/dev/${name}`] ?? "")?.[1] ?? found[`stat:/dev/${name}`]]));

const DEFAULTS: readonly Case[] = [
  defaults("default-devices", "MUST", "In addition to any devices configured with this setting, the runtime MUST also supply: /dev/null, zero, full, random, urandom, tty", NODES, async (bench) =>
    nodes(await bench.look({}, nodeQueries))),
  defaults("default-devices-work", "MUST", "the runtime MUST also supply: devices that can be used", { "write:/dev/null:x": "ok", "open:/dev/zero:r": "ok", "write:/dev/full:x": "ENOSPC", "open:/dev/urandom:r": "ok" },
    look({ process: { user: { uid: 1000, gid: 1000 } } }, "write:/dev/null:x", "open:/dev/zero:r", "write:/dev/full:x", "open:/dev/urandom:r")),
  defaults("default-devices-user-namespace", "MUST", "the runtime MUST also supply: in a user namespace too", NODES, async (bench) => nodes(await bench.look(USER, nodeQueries))),
  defaults("default-devices-configured", "MUST", "In addition to any devices configured with this setting", { ...NODES, other: "1:7" }, async (bench) => {
    const found = await bench.look(device(FULL), [...nodeQueries, "stat:/dev/other"]);
    return { ...nodes(found), other: found["stat:/dev/other"]?.split(" ")[3] };
  }),
  defaults("default-console", "MUST", "`/dev/console` is set up if `terminal` is enabled in the config by bind mounting the pseudoterminal pty to `/dev/console`.", { with: "devpts", without: "ENOENT" }, async (bench) => {
    const shown = await withConsole(bench, async (console) => {
      const container = bench.container({ process: { terminal: true, args: ["/bin/probe", "mount:/dev/console"] } });
      await container.create({ flags: ["--console-socket", console.socket] });
      await container.start();
      await container.ended();
      return console.answers();
    });
    return { with: shown["mount:/dev/console"]?.split("|")[0], without: (await bench.look({}, ["stat:/dev/console"]))["stat:/dev/console"] };
  }),
  defaults("default-ptmx", "MUST", "`/dev/ptmx`. A bind-mount or symlink of the container's `/dev/pts/ptmx`.", { "follow:/dev/ptmx": "char 666 5:2", "open:/dev/ptmx:rw": "ok", "list:/dev/pts": "ptmx " }, async (bench) => {
    const found = await bench.look({}, ["follow:/dev/ptmx", "open:/dev/ptmx:rw", "list:/dev/pts"]);
    return { ...found, "follow:/dev/ptmx": found["follow:/dev/ptmx"]?.replace(/ \d+:\d+ (?=5:2)/, " ") };
  }),
];

const LINKS: readonly Case[] = [
  links("dev-links", "MUST", "runtimes MUST create the following symlinks if the source file exists after processing `mounts`",
    { "link:/dev/fd": "/proc/self/fd", "link:/dev/stdin": "/proc/self/fd/0", "link:/dev/stdout": "/proc/self/fd/1", "link:/dev/stderr": "/proc/self/fd/2" },
    look({}, "link:/dev/fd", "link:/dev/stdin", "link:/dev/stdout", "link:/dev/stderr")),
  links("dev-links-no-proc", "MUST", "if the source file exists after processing `mounts`", "runs", async (bench) => {
    const container = bench.container({ mounts: [{ destination: "/dev", type: "tmpfs", source: "tmpfs" }, DEVPTS], process: { args: ["/bin/echo", "runs"] } });
    const { code, out, err } = await container.run();
    if (code !== 0) throw new Error(err);
    return out.trim();
  }),
  links("dev-links-bound", "MUST", "While creating the container: a /dev that is bound from the host is left as it is", { "stat:/dev/null": "char", "list:/dev": "null " }, async (bench) => {
    const own = `${bench.directory}/dev`;
    mkdirSync(own);
    Bun.spawnSync(["mknod", "-m", "666", `${own}/null`, "c", "1", "3"]);
    const found = await bench.look({ mounts: [PROC, { destination: "/dev", type: "none", source: own, options: ["bind", "rprivate"] }] },
      ["stat:/dev/null", "list:/dev"]);
    return { "stat:/dev/null": found["stat:/dev/null"]?.split(" ")[0], "list:/dev": found["list:/dev"] };
  }),
];

const DESCRIPTORS: readonly Case[] = [
  descriptors("descriptors-default", "MUST", "By default, only the `stdin`, `stdout` and `stderr` file descriptors are kept open for the application by the runtime.", { fds: "0 1 2 " }, async (bench) => {
    const fd = openSync("/etc", "r");
    try {
      return await bench.look({}, ["fds"], { descriptors: [fd, fd] });
    } finally {
      closeSync(fd);
    }
  }),
  descriptors("descriptors-preserved", "MAY", "The runtime MAY pass additional file descriptors to the application", { fds: "0 1 2 3 4 ", "fd:3": "three", "fd:4": "four" }, (bench) =>
    withDescriptor(`${bench.directory}/three`, "three", (three) => withDescriptor(`${bench.directory}/four`, "four", (four) =>
      bench.look({}, ["fds", "fd:3", "fd:4"], { descriptors: [three, four, three], flags: ["--preserve-fds", "2"] })))),
  descriptors("descriptors-activation", "MAY", "to support features such as socket activation: LISTEN_FDS", { fds: "0 1 2 3 ", env: "LISTEN_FDS=1 LISTEN_PID=1" }, (bench) =>
    withDescriptor(`${bench.directory}/three`, "three", async (three) => {
      const found = await bench.look({}, ["fds", "env"],
        { descriptors: [three, three], before: ["sh", "-c", 'export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"', "sh"] });
      return { fds: found["fds"], env: found["env"]?.split(" ").filter((word) => word.startsWith("LISTEN_")).sort().join(" ") };
    })),
];

/** Makes one end of a veth pair; it goes away with the namespace that it was moved to. */
function addInterface(bench: Bench, name: string, ...more: readonly string[]): void {
  const script = [`ip link add ${name} type veth`, ...more].join(" && ");
  const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", script]);
  writeFileSync(`${bench.directory}/ip`, stderr);
  if (exitCode !== 0) throw new Error(stderr.toString());
}

async function withInterface<T>(bench: Bench, body: (name: string) => Promise<T>, ...more: readonly string[]): Promise<T> {
  const name = `cf${bench.directory.slice(-6)}`;
  addInterface(bench, name, ...more.map((line) => line.replaceAll("NAME", name)));
  try {
    return await body(name);
  } finally {
    Bun.spawnSync(["ip", "link", "delete", name]);
  }
}

const OWN_NET: Patch = namespaces([], { type: "network" });
const moved = (name: string, as: Patch): Patch => merge(OWN_NET, { linux: { netDevices: { [name]: as } } });
const NETWORK: readonly Case[] = [
  network("net-devices-moved", "MUST", "A set of network devices that MUST be made available in the container.", "up", (bench) =>
    withInterface(bench, async (name) => new RegExp(`${name} (\\w+)`).exec((await bench.look(moved(name, {}), ["interfaces"]))["interfaces"] ?? "")?.[1])),
  network("net-devices-name", "MUST", "`name` - the name of the network device inside the container namespace.", "eth7 up", (bench) =>
    withInterface(bench, async (name) => /eth7 \w+/.exec((await bench.look(moved(name, { name: "eth7" }), ["interfaces"]))["interfaces"] ?? "")?.[0])),
  network("net-devices-taken", "MUST", "If a network device with the specified name already exists in the container namespace, the runtime MUST generate an error", { free: "accepted", taken: "refused", absent: "refused" }, async (bench) => {
    const found: Record<string, string> = {};
    for (const name of ["free", "taken"]) {
      found[name] = await withInterface(bench, (host) => verdict(bench, moved(host, { name: name === "free" ? "eth7" : "lo" })));
    }
    return { ...found, absent: await verdict(bench, moved("cf-nowhere", {})) };
  }),
  network("net-devices-template", "MUST", "unless the user has provided a template by appending `%d` to the new name. In that case, the runtime MUST allow the move", "eth0 up", (bench) =>
    withInterface(bench, async (name) => /eth0 \w+/.exec((await bench.look(moved(name, { name: "eth%d" }), ["interfaces"]))["interfaces"] ?? "")?.[0])),
  network("net-devices-addresses", "MUST", "The runtime MUST preserve existing network interface attributes, including all permanent IP addresses with global scope", "192.0.2.77", (bench) =>
    withInterface(bench, async (name) => new RegExp(`${name} ([\\d.]+);`).exec((await bench.look(moved(name, {}), ["interfaces"]))["interfaces"] ?? "")?.[1],
      "ip address add 192.0.2.77/32 dev NAME")),
  network("net-devices-up", "MUST", "The runtime MUST set the network device state to \"up\" after moving it to the network namespace", "up", (bench) =>
    withInterface(bench, async (name) => new RegExp(`${name} (\\w+)`).exec((await bench.look(moved(name, {}), ["interfaces"]))["interfaces"] ?? "")?.[1],
      "ip link set NAME down")),
  network("net-devices-not-back", "MUST NOT", "The runtime MUST NOT attempt to move the interface out of the namespace before deletion.", "not on the host", (bench) =>
    withInterface(bench, async (name) => {
      const container = bench.container(moved(name, {}));
      await container.run();
      return Bun.spawnSync(["ip", "link", "show", name]).exitCode === 0 ? "on the host" : "not on the host";
    })),
  network("net-devices-namespace", "MUST", "The runtime MUST check if moving the network interface to the container namespace is possible: not without a network namespace", { with: "accepted", without: "refused" }, async (bench) => ({
    with: await withInterface(bench, (name) => verdict(bench, moved(name, {}))),
    without: await withInterface(bench, (name) => verdict(bench, { linux: { netDevices: { [name]: {} } } })),
  })),
];

export const DEVICE_CASES: readonly Case[] = [...DEVICES, ...DEFAULTS, ...LINKS, ...DESCRIPTORS, ...NETWORK];
