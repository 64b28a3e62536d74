/** The table of config.md#configLinuxMountOptions: a case for each option, seen in the container's mountinfo or by what the option allows. */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type { Bench } from "./bench.ts";
import { type Case, clause, type Level, type Observation } from "./case.ts";
import { merge, mounted, type Patch } from "./config.ts";
import { bind, source } from "./mounts.ts";

const table = clause("config.md#configLinuxMountOptions");

/** Flags of the mount and of its filesystem at a point: `ro nosuid | sync`. Whether a read-only mount makes its filesystem so too is no matter. */
function flags(mountinfo: string): string {
  const fields = mountinfo.split("|");
  const words = (text: string | undefined, without: readonly string[]): string => (text ?? "").split(",").filter((word) => !without.includes(word)).join(" ");
  return `${words(fields[2], ["rw"])} | ${words(fields[5], ["rw", "ro", "inode64", "mand"])}`.trim();
}

async function tmpfs(bench: Bench, options: readonly string[]): Promise<string> {
  const found = await bench.look(mounted({ destination: "/mnt", type: "tmpfs", source: "tmpfs", options }), ["mount:/mnt"]);
  return flags(found["mount:/mnt"] ?? "").replace(/ ?\bmode=\d+/, "").trim();
}

/** A case of an option on a tmpfs, with the flags that the mount has. */
function flag(name: string, level: Level, meaning: string, options: readonly string[], seen: string): Case {
  return table(`option-${name}`, level, `\`${name}\`: ${meaning}`, seen, (bench) => tmpfs(bench, options));
}

const MOUNT_8 = "corresponds to mount(8)";
const FLAGS: readonly Case[] = [
  flag("async", "MUST", MOUNT_8, ["sync", "async"], "relatime |"),
  flag("atime", "MUST", MOUNT_8, ["noatime", "atime"], "relatime |"),
  flag("defaults", "MUST", MOUNT_8, ["defaults"], "relatime |"),
  flag("dev", "MUST", MOUNT_8, ["nodev", "dev"], "relatime |"),
  flag("diratime", "MUST", MOUNT_8, ["nodiratime", "diratime"], "relatime |"),
  flag("dirsync", "MUST", MOUNT_8, ["dirsync"], "relatime | dirsync"),
  flag("exec", "MUST", MOUNT_8, ["noexec", "exec"], "relatime |"),
  flag("iversion", "MUST", MOUNT_8, ["iversion"], "relatime |"),
  flag("lazytime", "MUST", MOUNT_8, ["lazytime"], "relatime | lazytime"),
  flag("loud", "MUST", MOUNT_8, ["silent", "loud"], "relatime |"),
  flag("mand", "MAY", `${MOUNT_8} (Deprecated in kernel 5.15)`, ["mand"], "relatime |"),
  flag("noatime", "MUST", MOUNT_8, ["noatime"], "noatime |"),
  flag("nodev", "MUST", MOUNT_8, ["nodev"], "nodev relatime |"),
  flag("nodiratime", "MUST", MOUNT_8, ["nodiratime"], "nodiratime relatime |"),
  flag("noexec", "MUST", MOUNT_8, ["noexec"], "noexec relatime |"),
  flag("noiversion", "MUST", MOUNT_8, ["iversion", "noiversion"], "relatime |"),
  flag("nolazytime", "MUST", MOUNT_8, ["lazytime", "nolazytime"], "relatime |"),
  flag("nomand", "MAY", MOUNT_8, ["nomand"], "relatime |"),
  flag("norelatime", "MUST", MOUNT_8, ["norelatime"], "relatime |"),
  flag("nostrictatime", "MUST", MOUNT_8, ["strictatime", "nostrictatime"], "relatime |"),
  flag("nosuid", "MUST", MOUNT_8, ["nosuid"], "nosuid relatime |"),
  flag("nosymfollow", "SHOULD", `${MOUNT_8} (Introduced in kernel 5.10)`, ["nosymfollow"], "relatime nosymfollow |"),
  flag("relatime", "MUST", MOUNT_8, ["noatime", "relatime"], "relatime |"),
  flag("ro", "MUST", MOUNT_8, ["ro"], "ro relatime |"),
  flag("rw", "MUST", MOUNT_8, ["ro", "rw"], "relatime |"),
  flag("silent", "MUST", MOUNT_8, ["silent"], "relatime |"),
  flag("strictatime", "MUST", MOUNT_8, ["strictatime"], "|"),
  flag("suid", "MUST", MOUNT_8, ["nosuid", "suid"], "relatime |"),
  flag("symfollow", "SHOULD", "Opposite of `nosymfollow`", ["nosymfollow", "symfollow"], "relatime |"),
  flag("sync", "MUST", MOUNT_8, ["sync"], "relatime | sync"),
];

/** A source with another mount below it, in a mount namespace that goes away with the runtime. */
function tree(bench: Bench, inner = "", outer = ""): { from: string; before: readonly string[] } {
  const from = source(bench, "top");
  source(bench, "below");
  mkdirSync(`${from}/sub`, { recursive: true });
  const more = [outer === "" ? "" : `mount -o bind,remount,${outer} ${from}`, inner === "" ? "" : `mount -o bind,remount,${inner} ${from}/sub`].filter((line) => line !== "");
  const script = [`mount --bind ${from} ${from}`, `mount --bind ${bench.directory}/below ${from}/sub`, ...more, 'exec "$@"'].join(" && ");
  return { from, before: ["unshare", "-m", "sh", "-c", script, "sh"] };
}

/** Flags of the mount and of the one below it after `options`. */
async function recursive(bench: Bench, options: readonly string[], inner = "", outer = ""): Promise<string[]> {
  const { from, before } = tree(bench, inner, outer);
  const found = await bench.look(mounted({ destination: "/mnt", type: "none", source: from, options: ["rbind", ...options] }), ["mount:/mnt", "mount:/mnt/sub"],
    { before });
  return ["mount:/mnt", "mount:/mnt/sub"].map((query) => (found[query] ?? "").split("|")[2]?.split(",").filter((word) => word !== "rw").join(" ") ?? "");
}

function recursively(name: string, meaning: string, inner: string, both: string, outer = inner): Case {
  return table(`option-${name}`, "SHOULD", `\`${name}\`: Recursive \`${meaning}\``, [both, both], (bench) => recursive(bench, [name], inner, outer));
}

const RECURSIVE: readonly Case[] = [
  recursively("ratime", "atime", "noatime", "relatime"),
  recursively("rdev", "dev", "nodev", "relatime"),
  recursively("rdiratime", "diratime", "nodiratime", "relatime"),
  recursively("rexec", "exec", "noexec", "relatime"),
  recursively("rnoatime", "noatime", "", "noatime"),
  recursively("rnodev", "nodev", "", "nodev relatime"),
  recursively("rnodiratime", "nodiratime", "", "nodiratime relatime"),
  recursively("rnoexec", "noexec", "", "noexec relatime"),
  recursively("rnorelatime", "norelatime", "", "relatime"),
  recursively("rnostrictatime", "nostrictatime", "strictatime", "relatime"),
  recursively("rnosuid", "nosuid", "", "nosuid relatime"),
  recursively("rnosymfollow", "nosymfollow", "", "relatime nosymfollow"),
  recursively("rrelatime", "relatime", "noatime", "relatime"),
  recursively("rro", "ro", "", "ro relatime"),
  recursively("rrw", "rw", "ro", "relatime"),
  recursively("rstrictatime", "strictatime", "", ""),
  recursively("rsuid", "suid", "nosuid", "relatime"),
  recursively("rsymfollow", "symfollow", "nosymfollow", "relatime"),
];

/** The propagation of a mount and of one below it. */
async function propagation(bench: Bench, option: string): Promise<string[]> {
  const { from, before } = tree(bench);
  const found = await bench.look(mounted({ destination: "/mnt", type: "none", source: from, options: ["rbind", option] }), ["mount:/mnt", "mount:/mnt/sub"],
    { before });
  return ["mount:/mnt", "mount:/mnt/sub"].map((query) => (found[query] ?? "").split("|")[3]?.trim() ?? "");
}

function propagates(name: string, seen: readonly string[]): Case {
  return table(`option-${name}`, "MUST", `\`${name}\`: Bind mount propagation`, seen, (bench) => propagation(bench, name));
}

const PROPAGATION: readonly Case[] = [
  propagates("private", ["private", "private"]), propagates("rprivate", ["private", "private"]),
  propagates("shared", ["shared", "private"]), propagates("rshared", ["shared", "shared"]),
  propagates("slave", ["private", "private"]), propagates("rslave", ["private", "private"]),
  propagates("unbindable", ["unbindable", "private"]), propagates("runbindable", ["unbindable", "unbindable"]),
  table("option-slave-of-shared", "MUST", "`slave`, `rslave`: what is mounted on the host later is seen in the container, not the other way around.", { from: "seen", back: "not seen" }, async (bench) => {
    const shared = mkdtempSync("/tmp/pidbox-shared-");
    mkdirSync(`${shared}/sub`);
    // In a mount namespace of its own, where the source is a shared mount: `mount` there stands for the host.
    const script = [`mount --bind ${shared} ${shared}`, `mount --make-shared ${shared}`, '"$@"', `mount -t tmpfs later ${shared}/sub`, `echo mounted > ${shared}/go`, `while [ ! -e ${shared}/done ]; do sleep 0.01; done`].join(" && ");
    const container = bench.container(merge(mounted({ destination: "/mnt", type: "none", source: shared, options: ["rbind", "rslave"] }), {
      process: { args: ["/bin/sh", "-c", "while [ ! -e /mnt/go ]; do sleep 0.01; done; /bin/probe mount:/mnt mount:/mnt/sub; echo > /mnt/done"] },
    }));
    const { out, err } = await bench.run(["run", "--detach", "--pid-file", `${container.bundle}/pid`, "--bundle", container.bundle, container.id],
      { before: ["unshare", "-m", "sh", "-c", script, "sh"] });
    rmSync(shared, { recursive: true, force: true });
    if (!out.includes("mount:/mnt/sub=")) return { out, err };
    return {
      from: /mount:\/mnt\/sub=tmpfs\|.*later/.test(out) ? "seen" : "not seen", back: /mount:\/mnt=[^|]*\|[^|]*\|[^|]*\|slave/.test(out) ? "not seen" : "seen",
    };
  }),
];

/** What a bind mount with these options lets a program do: run a set-user-id program, open a device node, follow a link, write. */
async function effects(bench: Bench, ...options: readonly string[]): Promise<Observation> {
  const from = source(bench, "effects");
  copyFileSync(bench.probe, `${from}/setuid`);
  chmodSync(`${from}/setuid`, 0o4755);
  symlinkSync("name", `${from}/link`);
  chmodSync(from, 0o777);
  Bun.spawnSync(["mknod", "-m", "666", `${from}/null`, "c", "1", "3"]);
  const patch = merge(mounted(bind(from, "/mnt", ...options)), { process: { user: { uid: 1000, gid: 1000 } } });
  const found = await bench.look(patch, ["spawn:/mnt/setuid:ids", "open:/mnt/null:w", "open:/mnt/link:r", "create:/mnt/new"]);
  return {
    setuid: /ids=\d+ (\d+)/.exec(found["spawn:/mnt/setuid:ids"] ?? "")?.[1] ?? found["spawn:/mnt/setuid:ids"], device: found["open:/mnt/null:w"], link: found["open:/mnt/link:r"],
    write: found["create:/mnt/new"],
  };
}

const ALL = { setuid: "0", device: "ok", link: "ok", write: "ok" };
const EFFECTS: readonly Case[] = [
  table("effect-none", "MUST", "`bind`: a bind mount as its source", ALL, (bench) => effects(bench)),
  table("effect-nosuid", "MUST", "`nosuid` on a bind mount", { ...ALL, setuid: "1000" }, (bench) => effects(bench, "nosuid")),
  table("effect-noexec", "MUST", "`noexec` on a bind mount", { ...ALL, setuid: "EACCES" }, (bench) => effects(bench, "noexec")),
  table("effect-nodev", "MUST", "`nodev` on a bind mount", { ...ALL, device: "EACCES" }, (bench) => effects(bench, "nodev")),
  table("effect-nosymfollow", "SHOULD", "`nosymfollow` on a bind mount", { ...ALL, link: "ELOOP" }, (bench) => effects(bench, "nosymfollow")),
  table("effect-ro", "MUST", "`ro` on a bind mount", { ...ALL, write: "EROFS" }, (bench) => effects(bench, "ro")),
  table("effect-undone", "MUST", "`exec`, `dev`, `suid`, `rw` after their opposites on a bind mount", ALL, (bench) => effects(bench, "ro", "noexec", "nodev", "nosuid", "rw", "exec", "dev", "suid")),
];

const OTHERS: readonly Case[] = [
  table("option-bind", "MUST", "`bind`: Bind mount", ["top", "ENOENT"], async (bench) => {
    const { from, before } = tree(bench);
    return Object.values(await bench.look(mounted(bind(from, "/mnt")), ["read:/mnt/name", "read:/mnt/sub/name"], { before }));
  }),
  table("option-rbind", "MUST", "`rbind`: Recursive bind mount", ["top", "below"], async (bench) => {
    const { from, before } = tree(bench);
    return Object.values(await bench.look(mounted({ destination: "/mnt", type: "none", source: from, options: ["rbind"] }), ["read:/mnt/name", "read:/mnt/sub/name"],
      { before }));
  }),
  table("option-remount", "MUST", "`remount`: corresponds to mount(8)", "ro noexec", async (bench) => {
    const first = { destination: "/mnt", type: "tmpfs", source: "tmpfs" };
    const found = await bench.look(mounted(first, { ...first, options: ["remount", "ro", "noexec"] }), ["mount:/mnt"]);
    return (found["mount:/mnt"] ?? "").split("|")[2]?.split(",").filter((word) => word !== "relatime").join(" ");
  }),
  table("option-remount-bind", "MUST", "`remount` with `bind` changes the mount alone", ["EROFS", "ok"], async (bench) => {
    const from = source(bench, "a");
    const remount = { destination: "/mnt/ro", type: "none", source: from, options: ["bind", "remount", "ro"] };
    return Object.values(await bench.look(mounted(bind(from, "/mnt/ro"), bind(from, "/mnt/rw"), remount), ["create:/mnt/ro/x", "create:/mnt/rw/x"]));
  }),
  table("option-tmpcopyup", "MAY", "`tmpcopyup`: copy up the contents to a tmpfs", { "read:/etc/here": "ok", "create:/etc/new": "ok", host: "untouched" }, async (bench) => {
    const container = bench.container(merge(mounted({ destination: "/etc", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"] }),
      { process: { args: ["/bin/probe", "read:/etc/here", "create:/etc/new"] } }));
    writeFileSync(`${container.rootfs}/etc/here`, "ok");
    const { out, err, code } = await container.run();
    if (code !== 0) throw new Error(err);
    const lines = Object.fromEntries(out.trim().split("\n").map((line) => line.split("=")));
    return { ...lines, host: Bun.spawnSync(["ls", `${container.rootfs}/etc`]).stdout.toString().includes("new") ? "changed" : "untouched" };
  }),
  table("option-custom", "SHOULD", "If a custom option string is already recognized by mount(8), the runtime SHOULD follow the behavior of mount(8): `x-*` is ignored.", "accepted", async (bench) => {
    const patch: Patch = mounted({ destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["x-gvfs-hide"] });
    return (await bench.container(patch).run()).code === 0 ? "accepted" : "refused";
  }),
];

export const MOUNT_OPTIONS: readonly Case[] = [...FLAGS, ...RECURSIVE, ...PROPAGATION, ...EFFECTS, ...OTHERS];
