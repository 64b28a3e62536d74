/** config-linux.md: what is left of it besides seccomp: sysctl, propagation, masks, personality, labels, NUMA, Intel RDT. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { Bench } from "./bench.ts";
import { type Case, clause, look, refused, verdicts } from "./case.ts";
import { merge, mounted, namespaces, type Patch, USER } from "./config.ts";

const sysctl = clause("config-linux.md#configLinuxSysctl");
const propagation = clause("config-linux.md#configLinuxRootfsMountPropagation");
const masked = clause("config-linux.md#configLinuxMaskedPaths");
const readonly = clause("config-linux.md#configLinuxReadonlyPaths");
const label = clause("config-linux.md#configLinuxMountLabel");
const personality = clause("config-linux.md#configLinuxPersonality");
const policy = clause("config-linux.md#configLinuxMemoryPolicy");
const rdt = clause("config-linux.md#configLinuxIntelRdt");

const linux = (given: Patch): Patch => ({ linux: given });
const NET: Patch = namespaces([], { type: "network" });

/** What a parameter of the host has already, so that a runtime that sets it does no harm. */
const current = (path: string): string => readFileSync(`/proc/sys/${path}`, "utf8").trim();

const SYSCTL: readonly Case[] = [
  sysctl("sysctl-set", "MUST", "`sysctl` allows kernel parameters to be modified at runtime for the container.",
    { "read:/proc/sys/kernel/msgmax": "60000", "read:/proc/sys/net/ipv4/ip_forward": "1", "read:/proc/sys/fs/mqueue/msg_max": "20" },
    look(merge(NET, linux({ sysctl: { "kernel.msgmax": "60000", "net.ipv4.ip_forward": "1", "fs.mqueue.msg_max": "20" } })), "read:/proc/sys/kernel/msgmax", "read:/proc/sys/net/ipv4/ip_forward", "read:/proc/sys/fs/mqueue/msg_max")),
  sysctl("sysctl-slash", "MUST", "see the sysctl(8) man page: `/` is a separator too", { "read:/proc/sys/kernel/msgmax": "60000" }, look(linux({ sysctl: { "kernel/msgmax": "60000" } }), "read:/proc/sys/kernel/msgmax")),
  sysctl("sysctl-host", "MUST NOT", "for the container: parameters of the host stay as they are", { "net without namespace": "refused", "ipc without namespace": "refused", "not namespaced": "refused", own: "accepted" },
    (bench) => verdicts({
      "net without namespace": linux({ sysctl: { "net.ipv4.ip_forward": current("net/ipv4/ip_forward") } }),
      "ipc without namespace": merge(namespaces(["ipc"]), linux({ sysctl: { "kernel.msgmax": current("kernel/msgmax") } })),
      "not namespaced": linux({ sysctl: { "vm.swappiness": current("vm/swappiness") } }), own: linux({ sysctl: { "kernel.msgmax": "60000" } }),
    })(bench)),
  sysctl("sysctl-unknown", "MUST", "kernel parameters: one that does not exist cannot be applied", { known: "accepted", unknown: "refused", value: "refused" },
    verdicts({
      known: linux({ sysctl: { "kernel.msgmax": "60000" } }), unknown: linux({ sysctl: { "kernel.msgmax_": "1" } }),
      value: linux({ sysctl: { "kernel.msgmax": "many" } }),
    })),
  sysctl("sysctl-user-namespace", "MUST", "for the container: in a user namespace too", { "read:/proc/sys/kernel/msgmax": "60000" }, look(merge(USER, linux({ sysctl: { "kernel.msgmax": "60000" } })), "read:/proc/sys/kernel/msgmax")),
];

async function rootPropagation(bench: Bench, value: string | undefined): Promise<string> {
  return ((await bench.look(linux({ rootfsPropagation: value }), ["mount:/"]))["mount:/"] ?? "").split("|")[3]?.trim() ?? "";
}

const PROPAGATION: readonly Case[] = [
  propagation("propagation-shared", "MUST", "`shared`: the rootfs mount belongs to a new peer group.", "shared", (bench) => rootPropagation(bench, "shared")),
  propagation("propagation-slave", "MUST", "`slave`: the rootfs mount receives propagation events from the host but not the other way around.", "private or slave", async (bench) => {
    // A slave of a private mount is private: what it was bound from decides.
    const found = await rootPropagation(bench, "slave");
    return found === "slave" || found === "private" ? "private or slave" : found;
  }),
  propagation("propagation-private", "MUST", "`private`: the rootfs mount doesn't receive mount propagation events from the host", "private", (bench) => rootPropagation(bench, "private")),
  propagation("propagation-unbindable", "MUST", "`unbindable`: the rootfs mount is a private mount that cannot be bind-mounted.", "unbindable", (bench) => rootPropagation(bench, "unbindable")),
  propagation("propagation-default", "MUST", "`rootfsPropagation` (OPTIONAL): without it nothing is propagated to the host", "private or slave", async (bench) => {
    const found = await rootPropagation(bench, undefined);
    return found === "slave" || found === "private" ? "private or slave" : found;
  }),
  propagation("propagation-invalid", "MUST", "Its value is either `shared`, `slave`, `private` or `unbindable`.", { private: "accepted", bogus: "refused" },
    verdicts({ private: linux({ rootfsPropagation: "private" }), bogus: linux({ rootfsPropagation: "bogus" }) })),
  propagation("propagation-slave-receives", "MUST", "if something is mounted on the host it will also appear in the container", { slave: "appears", private: "does not" }, async (bench) => {
    const found: Record<string, string> = {};
    for (const rootfsPropagation of ["slave", "private"]) {
      const container = bench.container(merge(linux({ rootfsPropagation }), { process: { args: ["/bin/sh", "-c", "while [ ! -e /home/go ]; do sleep 0.01; done; /bin/probe mount:/mnt; echo > /home/done"] } }));
      // A mount namespace of its own whose mounts are shared, as on most hosts, stands for the host.
      const script = ["mount --make-rshared /", '"$@"', `mount -t tmpfs later ${container.rootfs}/mnt`, `echo > ${container.rootfs}/home/go`,
        `while [ ! -e ${container.rootfs}/home/done ]; do sleep 0.01; done`].join(" && ");
      const { out, err } = await bench.run(["run", "--detach", "--bundle", container.bundle, container.id],
        { before: ["unshare", "-m", "sh", "-c", script, "sh"] });
      found[rootfsPropagation] = out.includes("later") ? "appears" : out.includes("mount:/mnt=none") ? "does not" : err;
    }
    return found;
  }),
];

const MASKS: readonly Case[] = [
  masked("masked-file", "MUST", "`maskedPaths` will mask over the provided paths inside the container so that they cannot be read.", { "read:/proc/version": "", "read:/etc/passwd": "" },
    look(linux({ maskedPaths: ["/proc/version", "/etc/passwd"] }), "read:/proc/version", "read:/etc/passwd")),
  masked("masked-directory", "MUST", "mask over the provided paths inside the container: a directory is empty and read-only", { "list:/proc/bus": "", "list:/etc": "", "create:/etc/x": "EROFS" },
    look(linux({ maskedPaths: ["/proc/bus", "/etc"] }), "list:/proc/bus", "list:/etc", "create:/etc/x")),
  masked("masked-absent", "MUST", "the provided paths: one that is not there needs no mask", { absent: "accepted" }, verdicts({ absent: linux({ maskedPaths: ["/proc/no-such-file", "/no/such/path"] }) })),
  masked("masked-absolute", "MUST", "The values MUST be absolute paths in the container namespace.", { absolute: "accepted", relative: "refused" },
    verdicts({ absolute: linux({ maskedPaths: ["/proc/version"] }), relative: linux({ maskedPaths: ["proc/version"] }) })),
  masked("masked-user-namespace", "MUST", "will mask over the provided paths: in a user namespace too", { "read:/proc/version": "", "list:/proc/bus": "" },
    look(merge(USER, linux({ maskedPaths: ["/proc/version", "/proc/bus"] })), "read:/proc/version", "list:/proc/bus")),
  masked("masked-mount", "MUST", "inside the container: over a mount of `mounts` too", { "read:/mnt/name": "", "list:/mnt": "name " }, async (bench) => {
    const from = mkdtempSync("/tmp/pidbox-masked-");
    await Bun.write(`${from}/name`, "secret");
    try {
      return await bench.look(merge(mounted({ destination: "/mnt", type: "none", source: from, options: ["bind"] }), linux({ maskedPaths: ["/mnt/name"] })),
        ["read:/mnt/name", "list:/mnt"]);
    } finally {
      rmSync(from, { recursive: true });
    }
  }),
  readonly("readonly-file", "MUST", "`readonlyPaths` will set the provided paths as readonly inside the container.", { "write:/proc/sys/kernel/hostname:x": "EROFS", "write:/etc/passwd:x": "EROFS", "create:/etc/x": "ok" },
    look(linux({ readonlyPaths: ["/proc/sys", "/etc/passwd"] }), "write:/proc/sys/kernel/hostname:x", "write:/etc/passwd:x", "create:/etc/x")),
  readonly("readonly-directory", "MUST", "as readonly inside the container: with what is below", { "create:/etc/x": "EROFS", "remove:/etc/passwd": "EROFS", "create:/mnt/x": "ok" },
    look(linux({ readonlyPaths: ["/etc"] }), "create:/etc/x", "remove:/etc/passwd", "create:/mnt/x")),
  readonly("readonly-below", "SHOULD", "the provided paths as readonly: mounts below one too", { "create:/mnt/x": "EROFS", "create:/mnt/sub/x": "EROFS" },
    look(merge(mounted({ destination: "/mnt", type: "tmpfs", source: "a" }, { destination: "/mnt/sub", type: "tmpfs", source: "b" }),
      linux({ readonlyPaths: ["/mnt"] })), "create:/mnt/x", "create:/mnt/sub/x")),
  readonly("readonly-absent", "MUST", "the provided paths: one that is not there", { absent: "accepted" }, verdicts({ absent: linux({ readonlyPaths: ["/no/such/path"] }) })),
  readonly("readonly-absolute", "MUST", "The values MUST be absolute paths in the container namespace.", { absolute: "accepted", relative: "refused" },
    verdicts({ absolute: linux({ readonlyPaths: ["/etc"] }), relative: linux({ readonlyPaths: ["etc"] }) })),
  readonly("readonly-keeps-flags", "MUST", "will set the provided paths as readonly: and keeps other flags of the mount", "ro nosuid nodev noexec", async (bench) => {
    const tmpfs = { destination: "/mnt", type: "tmpfs", source: "a", options: ["nosuid", "nodev", "noexec"] };
    return ((await bench.look(merge(mounted(tmpfs), linux({ readonlyPaths: ["/mnt"] })),
      ["mount:/mnt"]))["mount:/mnt"] ?? "").split("|")[2]?.replace(/,relatime$/, "").replaceAll(",", " ");
  }),
];

const REST: readonly Case[] = [
  label("mount-label", "MUST", "`mountLabel` will set the Selinux context for the mounts in the container: an error where the kernel has no SELinux", { none: "accepted", label: "refused" },
    verdicts({ none: {}, label: linux({ mountLabel: "system_u:object_r:svirt_sandbox_file_t:s0:c715,c811" }) })),
  personality("personality-linux32", "MUST", "`LINUX32` will set the `uname` system call to show a 32 bit CPU type, such as `i686`.", { machine: "i686", personality: "8" },
    look(linux({ personality: { domain: "LINUX32" } }), "machine", "personality")),
  personality("personality-linux", "MUST", "`domain` - the execution domain.", { personality: "0" },
    (bench) => bench.look(linux({ personality: { domain: "LINUX" } }), ["personality"], { before: ["setarch", "linux32"] })),
  personality("personality-invalid", "MUST", "The valid list of constants: `LINUX`, `LINUX32`. Currently no flag values are supported.", { LINUX: "accepted", BSD: "refused", flags: "refused", absent: "refused" },
    verdicts({
      LINUX: linux({ personality: { domain: "LINUX" } }), BSD: linux({ personality: { domain: "BSD" } }),
      flags: linux({ personality: { domain: "LINUX", flags: ["ADDR_NO_RANDOMIZE"] } }), absent: linux({ personality: {} }),
    })),
  policy("memory-policy-mode", "MUST", "`memoryPolicy` sets the NUMA memory policy for the container.", { bind: "mode 2 nodes 1", interleave: "mode 3 nodes 1", preferred: "mode 1 nodes 1", local: "mode 4 nodes 0" }, async (bench) => {
    const found: Record<string, unknown> = {};
    for (const [name, given] of Object.entries({
      bind: { mode: "MPOL_BIND", nodes: "0" }, interleave: { mode: "MPOL_INTERLEAVE", nodes: "0" }, preferred: { mode: "MPOL_PREFERRED", nodes: "0" },
      local: { mode: "MPOL_LOCAL" },
    })) found[name] = (await bench.look(linux({ memoryPolicy: given }), ["mempolicy"]))["mempolicy"];
    return found;
  }),
  policy("memory-policy-flags", "MUST", "`flags` - list of flags to use with set_mempolicy(2).", "mode 8002 nodes 1", async (bench) =>
    (await bench.look(linux({ memoryPolicy: { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] } }), ["mempolicy"]))["mempolicy"]),
  policy("memory-policy-invalid", "MUST", "A valid list of constants is shown below: MPOL_DEFAULT, ...", { default: "accepted", mode: "refused", flag: "refused", nodes: "refused", none: "refused" },
    verdicts({
      default: linux({ memoryPolicy: { mode: "MPOL_DEFAULT" } }), mode: linux({ memoryPolicy: { mode: "MPOL_BOGUS" } }),
      flag: linux({ memoryPolicy: { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_BOGUS"] } }),
      nodes: linux({ memoryPolicy: { mode: "MPOL_BIND", nodes: "x" } }), none: linux({ memoryPolicy: { mode: "MPOL_BIND" } }),
    })),
  rdt("rdt-absent", "MUST", "If no mounted `resctrl` pseudo-filesystem is available in the runtime mount namespace, the runtime MUST generate an error.", "refused", async (bench) =>
    existsSync("/sys/fs/resctrl/schemata") ? "refused" : refused(bench, linux({ intelRdt: { closID: "guaranteed" } }), /intelRdt|resctrl/i)),
  rdt("rdt-schema", "MUST", "`memBwSchema`: The value MUST start with `MB:` and MUST NOT contain newlines.", { start: "refused", newline: "refused" }, async (bench) => ({
    start: await refused(bench, linux({ intelRdt: { memBwSchema: "L3:0=f" } }), /memBwSchema/i),
    newline: await refused(bench, linux({ intelRdt: { memBwSchema: "MB:0=20\nL3:0=f" } }), /memBwSchema/i),
  })),
];

export const KERNEL: readonly Case[] = [...SYSCTL, ...PROPAGATION, ...MASKS, ...REST];
