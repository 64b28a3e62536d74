/** config.md#configMounts: what is mounted, where and in which order. The table of options is in mount-options.ts. */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import type { Bench } from "./bench.ts";
import { type Case, clause, look, verdict, verdicts } from "./case.ts";
import { merge, mounted, namespaces, type Patch, USER } from "./config.ts";

const mounts = clause("config.md#configMounts");
const posix = clause("config.md#configPOSIXMounts");
const options = clause("config.md#configLinuxMountOptions");
const filesystems = clause("config-linux.md#configLinuxDefaultFilesystems");

/** A directory of the host with a file that says `name`, beside the bundles. */
export function source(bench: Bench, name: string): string {
  const path = `${bench.directory}/${name}`;
  mkdirSync(path, { recursive: true, mode: 0o755 });
  writeFileSync(`${path}/name`, name);
  return path;
}

export function bind(from: string, to: string, ...more: readonly string[]): Patch {
  return { destination: to, type: "none", source: from, options: ["bind", ...more] };
}

/** The last mount at /mnt without what differs between hosts: type and options. */
async function mountAt(bench: Bench, patch: Patch, point = "/mnt"): Promise<string[]> {
  const fields = ((await bench.look(patch, [`mount:${point}`]))[`mount:${point}`] ?? "").split("|");
  return [fields[0] ?? "", fields[2] ?? ""];
}

const PLACES: readonly Case[] = [
  mounts("mounts-order", "MUST", "The runtime MUST mount entries in the listed order.", { below: "ok", above: "ENOENT" }, async (bench) => {
    const tmpfs = (destination: string): Patch => ({ destination, type: "tmpfs", source: "tmpfs" });
    const below = await bench.look(mounted(tmpfs("/mnt"), bind(source(bench, "a"), "/mnt/a"), tmpfs("/home")), ["open:/mnt/a/name:r"]);
    const above = await bench.look(mounted(bind(source(bench, "a"), "/mnt/a"), tmpfs("/mnt")), ["open:/mnt/a/name:r"]);
    return { below: below["open:/mnt/a/name:r"], above: above["open:/mnt/a/name:r"] };
  }),
  mounts("mounts-destination-relative", "MUST", "it MAY be a relative path, in which case it MUST be interpreted as relative to \"/\".", { "mount:/mnt/deep": "tmpfs" }, async (bench) => ({
    "mount:/mnt/deep": (await mountAt(bench, mounted({ destination: "mnt/deep", type: "tmpfs", source: "tmpfs" }), "/mnt/deep"))[0],
  })),
  mounts("mounts-destination-required", "MUST", "`destination` (string, REQUIRED)", { present: "accepted", absent: "refused", empty: "refused" },
    verdicts({
      present: mounted({ destination: "/mnt", type: "tmpfs" }), absent: mounted({ type: "tmpfs" }), empty: mounted({ destination: "", type: "tmpfs" }),
    })),
  mounts("mounts-destination-made", "MUST", "Destination of mount point: path inside container.", { directory: "directory", file: "file" }, async (bench) => {
    const from = source(bench, "a");
    const found = await bench.look(mounted(bind(from, "/new/deep/directory"), bind(`${from}/name`, "/new/file")), ["stat:/new/deep/directory", "stat:/new/file"]);
    return { directory: found["stat:/new/deep/directory"]?.split(" ")[0], file: found["stat:/new/file"]?.split(" ")[0] };
  }),
  mounts("mounts-destination-inside", "MUST", "Destination of mount point: path inside container: links are followed inside it.", { host: "untouched", inside: "a" }, async (bench) => {
    const outside = source(bench, "outside");
    const container = bench.container(merge(mounted(bind(source(bench, "a"), "/link/x")), { process: { args: ["/bin/probe", `read:${outside}/x/name`] } }));
    symlinkSync(outside, `${container.rootfs}/link`);
    const { out, err, code } = await container.run();
    return { host: existsSync(`${outside}/x`) ? "changed" : "untouched", inside: code === 0 ? out.trim().split("=")[1] : err };
  }),
  mounts("mounts-source-relative", "MUST", "Path values for bind mounts are either absolute or relative to the bundle.", { absolute: "a", relative: "b" }, async (bench) => {
    const container = bench.container(merge(mounted(bind(source(bench, "a"), "/mnt/a"), bind("b", "/mnt/b")),
      { process: { args: ["/bin/probe", "read:/mnt/a/name", "read:/mnt/b/name"] } }));
    mkdirSync(`${container.bundle}/b`);
    writeFileSync(`${container.bundle}/b/name`, "b");
    const lines = (await container.run({ cwd: "/" })).out.split("\n");
    return { absolute: lines[0]?.split("=")[1], relative: lines[1]?.split("=")[1] };
  }),
  mounts("mounts-source-absent", "MUST", "If the runtime cannot apply a property: a source that does not exist.", { bind: "refused", there: "accepted" }, async (bench) => ({
    bind: await verdict(bench, mounted(bind("/nowhere", "/mnt"))), there: await verdict(bench, mounted(bind("/", "/mnt"))),
  })),
  mounts("mounts-bind-by-option", "MUST", "A mount is a bind mount if it has either `bind` or `rbind` in the options.", { none: "a", tmpfs: "a", absent: "a", odd: "a" }, async (bench) => {
    const from = source(bench, "a");
    const found: Record<string, unknown> = {};
    for (const [name, type] of Object.entries({ none: "none", tmpfs: "tmpfs", absent: undefined, odd: "no-such-type" })) {
      found[name] = (await bench.look(mounted(merge(bind(from, "/mnt"), { type })), ["read:/mnt/name"]))["read:/mnt/name"];
    }
    return found;
  }),
  mounts("mounts-bind-file", "MUST", "can also be a file or directory name for bind mounts", { "read:/mnt/file": "a", "write:/mnt/file:new": "ok", host: "new" }, async (bench) => {
    const from = source(bench, "a");
    return { ...(await bench.look(mounted(bind(`${from}/name`, "/mnt/file")), ["read:/mnt/file", "write:/mnt/file:new"])), host: readFileSync(`${from}/name`, "utf8") };
  }),
  posix("mounts-types", "MUST", "`type`: filesystem types supported by the kernel as listed in /proc/filesystems",
    { tmpfs: "tmpfs", ramfs: "ramfs", proc: "proc", sysfs: "sysfs", mqueue: "mqueue", devpts: "devpts" }, async (bench) => {
      const found: Record<string, unknown> = {};
      // A sysfs wants a network namespace of the container's own.
      for (const type of ["tmpfs", "ramfs", "proc", "sysfs", "mqueue", "devpts"]) {
        found[type] = (await mountAt(bench, merge(mounted({ destination: `/mnt/${type}`, type, source: type }), namespaces([], { type: "network" })),
          `/mnt/${type}`))[0];
      }
      return found;
    }),
  posix("mounts-type-unknown", "MUST", "filesystem types supported by the kernel: others cannot be mounted", { tmpfs: "accepted", "no-such-type": "refused" },
    verdicts({
      tmpfs: mounted({ destination: "/mnt", type: "tmpfs", source: "x" }), "no-such-type": mounted({ destination: "/mnt", type: "no-such-type", source: "x" }),
    })),
  mounts("mounts-host-unchanged", "MUST", "specifies additional mounts of the container: the host gets none", "none", async (bench) => {
    const from = source(bench, "a");
    const container = bench.container(mounted(bind(from, "/mnt", "rshared"), { destination: "/home", type: "tmpfs", source: "marker" }));
    await container.create();
    return /marker| \/mnt .*pidbox-conformance/.test(readFileSync("/proc/self/mountinfo", "utf8")) ? "some" : "none";
  }),
  options("mounts-data", "SHOULD", "Runtimes SHOULD treat unknown options as filesystem-specific ones and pass those as data to mount(2).", ["directory 1750 0:0", "size=64k,mode=1750"], async (bench) => {
    const found = await bench.look(mounted({ destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=1750", "size=64k"] }),
      ["stat:/mnt", "mount:/mnt"]);
    return [found["stat:/mnt"], found["mount:/mnt"]?.split("|")[5]?.replace(/^rw,|,inode64$/g, "")];
  }),
  options("mounts-data-refused", "SHOULD", "unknown options are passed to the filesystem, which refuses what it does not know", { known: "accepted", unknown: "refused" },
    verdicts({
      known: mounted({ destination: "/mnt", type: "tmpfs", options: ["nr_inodes=100"] }),
      unknown: mounted({ destination: "/mnt", type: "tmpfs", options: ["no-such-option=1"] }),
    })),
];

const IDMAP_MAPPINGS: Patch = { uidMappings: [{ containerID: 0, hostID: 5000, size: 10 }], gidMappings: [{ containerID: 0, hostID: 6000, size: 10 }] };

/** The owner that a file of root's has through an id-mapped mount. */
async function mappedOwner(bench: Bench, patch: Patch, option: string, more: Patch): Promise<string> {
  const from = source(bench, "mapped");
  const found = await bench.look(merge(patch, mounted(merge(bind(from, "/mnt/m"), { options: ["bind", option], ...more }))), ["stat:/mnt/m/name"]);
  return found["stat:/mnt/m/name"]?.split(" ")[2] ?? "";
}

const IDMAP: readonly Case[] = [
  posix("idmap-mappings", "SHOULD", "`uidMappings`: the mapping to convert UIDs from the source file system to the destination mount point.", "5000:6000", (bench) => mappedOwner(bench, {}, "idmap", IDMAP_MAPPINGS)),
  posix("idmap-both", "MUST", "If specified, it MUST be specified along with `gidMappings`.", { both: "accepted", uid: "refused", gid: "refused" }, async (bench) => {
    const from = source(bench, "a");
    const mount = (more: Patch): Patch => mounted(merge(bind(from, "/mnt"), { options: ["bind", "idmap"], ...more }));
    return {
      both: await verdict(bench, mount(IDMAP_MAPPINGS)), uid: await verdict(bench, mount({ uidMappings: IDMAP_MAPPINGS["uidMappings"] })),
      gid: await verdict(bench, mount({ gidMappings: IDMAP_MAPPINGS["gidMappings"] })),
    };
  }),
  options("idmap-own-mappings", "MUST", "If `uidMappings` or `gidMappings` are specified for the mount, the runtime MUST use those values for the mount's mapping.",
    { idmap: "5000:6000", ridmap: "5000:6000" },
    async (bench) => ({ idmap: await mappedOwner(bench, {}, "idmap", IDMAP_MAPPINGS), ridmap: await mappedOwner(bench, {}, "ridmap", IDMAP_MAPPINGS) })),
  options("idmap-user-namespace", "MAY", "If they are not specified, the runtime MAY use the container's user namespace mapping", { idmap: "0:0", plain: "65534:65534" }, async (bench) => {
    const from = source(bench, "mapped");
    const both = mounted(bind(from, "/mnt/idmap", "idmap"), bind(from, "/mnt/plain"));
    const found = await bench.look(merge(USER, both), ["stat:/mnt/idmap/name", "stat:/mnt/plain/name"]);
    return { idmap: found["stat:/mnt/idmap/name"]?.split(" ")[2], plain: found["stat:/mnt/plain/name"]?.split(" ")[2] };
  }),
  options("idmap-no-mapping", "MUST", "no `uidMappings` and `gidMappings` and the container isn't using user namespaces, an error MUST be returned", { idmap: "refused", ridmap: "refused", plain: "accepted" }, async (bench) => {
    const from = source(bench, "a");
    return {
      idmap: await verdict(bench, mounted(bind(from, "/mnt", "idmap"))), ridmap: await verdict(bench, mounted(bind(from, "/mnt", "ridmap"))),
      plain: await verdict(bench, mounted(bind(from, "/mnt"))),
    };
  }),
  options("ridmap-recursive", "MUST", "`ridmap`: the mapping is applied recursively", { idmap: ["5000:6000", "0:0"], ridmap: ["5000:6000", "5000:6000"] }, async (bench) => {
    const found: Record<string, unknown> = {};
    const from = source(bench, "top");
    source(bench, "below");
    // A mount below the source, in a mount namespace that goes away with the runtime.
    const before = ["unshare", "-m", "sh", "-c", `mkdir -p ${from}/sub && mount --bind ${bench.directory}/below ${from}/sub && exec "$@"`, "sh"];
    for (const option of ["idmap", "ridmap"]) {
      const patch = mounted({ destination: "/mnt", type: "none", source: from, options: ["rbind", option], ...IDMAP_MAPPINGS });
      const seen = await bench.look(patch, ["stat:/mnt/name", "stat:/mnt/sub/name"], { before });
      found[option] = Object.values(seen).map((text) => text.split(" ")[2]);
    }
    return found;
  }),
];

const DEFAULTS: readonly Case[] = [
  filesystems("default-filesystems", "SHOULD", "The following filesystems SHOULD be made available in each container's filesystem: /proc, /sys, /dev/pts, /dev/shm",
    { "/proc": "proc", "/sys": "sysfs", "/dev/pts": "devpts", "/dev/shm": "tmpfs" }, async (bench) => {
      const patch = merge(namespaces([], { type: "network" }), mounted({ destination: "/sys", type: "sysfs", source: "sysfs", options: ["ro"] },
        { destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["mode=1777"] }));
      const points = ["/proc", "/sys", "/dev/pts", "/dev/shm"];
      const found = await bench.look(patch, points.map((point) => `mount:${point}`));
      return Object.fromEntries(points.map((point) => [point, found[`mount:${point}`]?.split("|")[0]]));
    }),
  filesystems("default-filesystems-own", "SHOULD", "/proc of type proc: the container's own processes", { "read:/proc/1/comm": "probe", "stat:/proc/2": "ENOENT" },
    look({}, "read:/proc/1/comm", "stat:/proc/2")),
];

export const MOUNT_CASES: readonly Case[] = [...PLACES, ...IDMAP, ...DEFAULTS];
