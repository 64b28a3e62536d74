import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PidboxError } from "../base/error.ts";
import { hasHierarchy, testCgroups } from "../../test/cgroups.ts";
import { needs } from "../../test/parts.ts";
import type { LinuxResources } from "../spec/runtime-config.ts";
import { updateCgroups } from "./cgroup-update.ts";

const MIB = 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), "pidbox-update-"));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;

/** A directory that looks like a v2 cgroup. */
function unified(files: Readonly<Record<string, string>>): { directory: string; read: (file: string) => string } {
  const directory = join(folder, String(++count));
  mkdirSync(directory);
  for (const [name, text] of Object.entries({ "cgroup.controllers": "", ...files })) writeFileSync(join(directory, name), text);
  return { directory, read: (file) => readFileSync(join(directory, file), "utf8").trim() };
}

function errorOf(run: () => unknown): PidboxError {
  try {
    run();
  } catch (error) {
    if (error instanceof PidboxError) return error;
  }
  throw new Error("no PidboxError came");
}

const V1 = ["memory", "cpu", "pids"];
if (V1.every(hasHierarchy)) {
  describe("updateCgroups() on v1", () => {
    const read = (directory: string, file: string): string => readFileSync(join(directory, file), "utf8").trim();

    needs("root")("sets limits of several hierarchies and gives back what the container has then", () => {
      using cgroups = testCgroups(...V1);
      const [memory = "", cpu = "", pids = ""] = cgroups.directories;
      const change = { memory: { limit: 64 * MIB }, pids: { limit: 9 }, cpu: { quota: 20000 } };
      expect(updateCgroups(cgroups.directories, { pids: { limit: 7 }, cpu: { shares: 512 } }, change)).toEqual({
        pids: { limit: 9 }, cpu: { shares: 512, quota: 20000 }, memory: { limit: 64 * MIB },
      });
      expect([read(memory, "memory.limit_in_bytes"), read(cpu, "cpu.cfs_quota_us"), read(pids, "pids.max")]).toEqual([String(64 * MIB), "20000", "9"]);
      expect(read(cpu, "cpu.shares")).toBe("1024");
    });

    needs("root")("raises and lowers memory and swap in the order that the kernel wants", () => {
      using cgroups = testCgroups("memory");
      const [memory = ""] = cgroups.directories;
      let has = updateCgroups(cgroups.directories, {}, { memory: { limit: 32 * MIB, swap: 48 * MIB } });
      for (const [limit, swap] of [[64, 96], [100, 100], [16, 20], [-1, -1], [8, -1], [8, 8]] as const) {
        const bytes = (value: number): number => (value < 0 ? -1 : value * MIB);
        has = updateCgroups(cgroups.directories, has, { memory: { limit: bytes(limit), swap: bytes(swap) } });
        const found = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"].map((file) => Number(read(memory, file)));
        expect([limit, swap, ...found.map((value) => (value > 2 ** 60 ? -1 : value / MIB))]).toEqual([limit, swap, limit, swap]);
      }
    });

    needs("root")("puts back what it wrote when a later file is refused, and says so", () => {
      using cgroups = testCgroups(...V1);
      const [memory = "", cpu = ""] = cgroups.directories;
      const error = errorOf(() => updateCgroups(cgroups.directories, {}, { memory: { limit: 64 * MIB }, cpu: { shares: 300, quota: 5 } }));
      expect([error.code, error.context]).toEqual(["IO", { path: `${cpu}/cpu.cfs_quota_us`, errno: "EINVAL", from: "/linux/resources/cpu/quota" }]);
      expect(error.message).toBe("Cannot set cpu.cfs_quota_us to 5 for the cpu controller: EINVAL; what was changed before was put back");
      expect([Number(read(memory, "memory.limit_in_bytes")) > 2 ** 60, read(cpu, "cpu.shares")]).toEqual([true, "1024"]);
    });

    needs("root")("names controller and file that the container does not have", () => {
      using cgroups = testCgroups("memory");
      const error = errorOf(() => updateCgroups(cgroups.directories, {}, { pids: { limit: 3 } }));
      expect([error.code, error.context.from]).toEqual(["HOST_UNSUPPORTED", "/linux/resources/pids/limit"]);
      expect(error.message).toBe("Cannot set pids.max to 3 for the pids controller: none of the container's cgroups has this file; nothing was changed");
    });

    if (hasHierarchy("devices")) {
      needs("root")("device rules change without a moment in which what stays allowed is denied", async () => {
        using cgroups = testCgroups("devices");
        const [devices = ""] = cgroups.directories;
        const only = (major: number, minor: number): LinuxResources => ({ devices: [{ allow: false }, { allow: true, type: "c", major, minor }] });
        updateCgroups(cgroups.directories, {}, only(10, 229));
        const inside = `echo $$ > ${devices}/cgroup.procs; while true < /dev/zero; do :; done; echo denied`;
        const child = Bun.spawn(["sh", "-c", inside], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
        while (read(devices, "cgroup.procs") === "");
        for (let i = 0; i < 50; i++) updateCgroups(cgroups.directories, {}, only(10, i));
        expect(read(devices, "devices.list").split("\n")).toContain("c 10:49 rwm");
        expect(read(devices, "devices.list").split("\n")).not.toContain("c 10:48 rwm");
        expect(child.exitCode).toBeNull();
        child.kill();
        expect(await new Response(child.stdout).text()).toBe("");
      });
    }

    needs("root")("a limit below what is used is refused with the numbers", async () => {
      using cgroups = testCgroups("memory");
      const inside = `echo $$ > ${cgroups.directories[0]}/cgroup.procs; exec dd if=/dev/zero of=/dev/null bs=32M iflag=fullblock`;
      const eater = Bun.spawn(["sh", "-c", inside], { stdio: ["ignore", "ignore", "ignore"] });
      updateCgroups(cgroups.directories, {}, { memory: { swap: -1, limit: 256 * MIB } });
      while (Number(read(cgroups.directories[0] ?? "", "memory.usage_in_bytes")) < 32 * MIB && eater.exitCode === null);
      const error = errorOf(() => updateCgroups(cgroups.directories, { memory: { limit: 256 * MIB, swap: 256 * MIB } }, { memory: { limit: MIB, swap: MIB } }));
      expect(error.message.replace(/\d{8,}/g, "N")).toBe("Cannot set memory.limit_in_bytes to 1048576 for the memory controller: EBUSY, it uses more (now N, at most N); nothing was changed");
      eater.kill();
      await eater.exited;
    });
  });
}

describe("updateCgroups() on v2", () => {
  test("counts swap from what was and what comes", () => {
    const { directory, read } = unified({ "memory.max": "max\n", "memory.swap.max": "max\n" });
    expect(updateCgroups([directory], { memory: { limit: 100, swap: 300 } }, { memory: { limit: 200 } })).toEqual({ memory: { limit: 200, swap: 300 } });
    expect([read("memory.max"), read("memory.swap.max")]).toEqual(["200", "100"]);
  });

  test("takes the file that this kernel has for a weight", () => {
    const bfq = unified({ "io.bfq.weight": "100\n", "io.weight": "default 100\n" });
    updateCgroups([bfq.directory], {}, { blockIO: { weight: 500 } });
    expect([bfq.read("io.bfq.weight"), bfq.read("io.weight")]).toEqual(["500", "default 100"]);
    const cost = unified({ "io.weight": "default 100\n" });
    updateCgroups([cost.directory], {}, { blockIO: { weight: 500 } });
    expect(cost.read("io.weight")).toStartWith("4950");
  });

  test("hands a controller down that the container does not have yet", () => {
    const { directory } = unified({ "cgroup.subtree_control": "" });
    const below = join(directory, "below");
    mkdirSync(below);
    writeFileSync(join(below, "cgroup.controllers"), "");
    expect(errorOf(() => updateCgroups([below], {}, { pids: { limit: 3 } })).message).toContain("none of the container's cgroups has this file");
    expect(readFileSync(join(directory, "cgroup.subtree_control"), "utf8")).toBe("+pids");
  });

  test("keeps the quota when the period changes", () => {
    const { directory, read } = unified({ "cpu.max": "max 100000\n" });
    updateCgroups([directory], { cpu: { quota: 20000 } }, { cpu: { period: 50000 } });
    expect(read("cpu.max")).toBe("20000 50000");
  });

  test("refuses a limit below what is used if it is told to check, and changes nothing", () => {
    const { directory, read } = unified({ "memory.max": "max\n", "memory.current": "5000\n", "memory.swap.max": "max\n" });
    expect(errorOf(() => updateCgroups([directory], {}, { memory: { limit: 4096, checkBeforeUpdate: true } }))).toMatchObject({
      code: "CONFLICT", message: "Cannot set the memory limit: limit 4096 is not above the 5000 bytes that the container uses, and checkBeforeUpdate is set",
    });
    expect(read("memory.max")).toBe("max");
    updateCgroups([directory], {}, { memory: { limit: 4096 } });
    expect(read("memory.max")).toBe("4096");
  });
});
