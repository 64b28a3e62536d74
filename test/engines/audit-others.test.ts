/** The audit of containers without an engine: pidbox, bubblewrap, systemd-nspawn, unshare and runc alone. */
import { describe } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { busyboxRoot, initOf, start, startBox, temporary } from "../e2e/box.ts";
import { needs } from "../parts.ts";
import { expectFindings } from "./audit.ts";
import { makeRootfs } from "./image.ts";

const SAY = ["sh", "-c", "echo up; exec cat"];
const NAME = `audited-${process.pid}`;

describe("audit of containers without an engine", () => {
  needs("root")("pidbox do", async () => {
    await using _box = await startBox(["do", `--name=${NAME}`]);
    await expectFindings(NAME, { less: "G03 P21" });
  });

  needs("root", "busybox")("pidbox run, and what --memory adds", async () => {
    using directory = temporary();
    const image = [`dir:${busyboxRoot(directory.path)}`];
    for (const [flags, high] of [[[], "G02"], [["-m", "64m"], ""]] as const) {
      await using _box = await startBox(["run", "-i", "--rm", `--name=${NAME}`, ...flags], image);
      await expectFindings(NAME, { high, less: "G03 P21" });
    }
  });

  needs("root", "bubblewrap", "noapparmor", "noselinux")("bubblewrap: no filter and no limits, over a read-only view of the host", async () => {
    await using box = await start(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", ...SAY]);
    await expectFindings(String(initOf(box.pid)), { high: "G01 G02 K04 K09 K12 Q04", less: "L06 P05 S01" });
  });

  needs("root", "nspawn", "busybox", "cgroup1", "noapparmor", "noselinux")("systemd-nspawn: half of all capabilities, and the host's network", async () => {
    using directory = temporary();
    const root = `${directory.path}/root`;
    makeRootfs(root);
    mkdirSync(`${root}/usr`);
    writeFileSync(`${root}/etc/os-release`, "ID=box\n");
    const flags = ["--quiet", "--register=no", "--keep-unit", "--pipe", "--resolv-conf=off", "--timezone=off", `--machine=${NAME}`, `--directory=${root}`];
    await using box = await start(["systemd-nspawn", ...flags, ...SAY]);
    await expectFindings(String(initOf(box.pid)), { critical: "C05 C06 G05 P02", high: "C01 C06 C07 G01 G02 L06 L16 S01", less: "C02 L07 V03" });
  });

  needs("root", "cgroup1", "noapparmor", "noselinux")("unshare: a PID and a mount namespace, and nothing else", async () => {
    await using box = await start(["unshare", "--pid", "--fork", "--mount-proc", ...SAY]);
    await expectFindings(String(initOf(box.pid)), {
      critical: "C05 C06 C07 G05 G07 P01 P02 P03 P05 P09 P10 P12", high: "C01 C06 C07 G01 G02 K04 K09 K10 K12 L06 L14 L16 P11 P13 Q04 S01", less: "L15 P21 V03",
    });
  });

  needs("root", "runc", "busybox", "noapparmor", "noselinux")("runc with its default specification: three capabilities, no filter and no limits", async () => {
    using directory = temporary();
    busyboxRoot(directory.path);
    const made = Bun.spawnSync(["runc", "spec", "--bundle", directory.path]);
    if (!made.success) throw new Error(made.stderr.toString());
    const path = `${directory.path}/config.json`;
    const spec = await Bun.file(path).json() as { process: Record<string, unknown>; linux: Record<string, unknown> };
    // What it asks for is more open files than a machine without CAP_SYS_RESOURCE may give.
    Object.assign(spec.process, { terminal: false, args: SAY, rlimits: [] });
    Object.assign(spec.linux, { cgroupsPath: `/${NAME}` });
    writeFileSync(path, JSON.stringify(spec));
    await using _box = await start(["runc", "--root", `${directory.path}/state`, "run", NAME], { cwd: directory.path });
    await expectFindings(NAME, { high: "G01 G02 K04 K09 K12 Q04 S01", less: "G03 L07" });
  });
});
