import { describe, expect } from "bun:test";
import { mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { hasHierarchy, testCgroups } from "../../test/cgroups.ts";
import { needs } from "../../test/parts.ts";
import { runDeviceProgram } from "../plan/device-interpreter.ts";
import { deviceProgram } from "../plan/device-program.ts";
import { devicePolicy } from "../plan/device-rules.ts";
import type { DeviceRule } from "../spec/runtime-config.ts";
import { effectiveDevicePrograms, readDeviceProgram, replaceDeviceProgram } from "./device-program.ts";

const NAME = "pidbox_test";
const DENY_ALL: DeviceRule = { allow: false };
const program = (...rules: DeviceRule[]): Uint8Array => deviceProgram(devicePolicy([DENY_ALL, ...rules]));
const NULL: DeviceRule = { allow: true, type: "c", major: 1, minor: 3 };
const ZERO: DeviceRule = { allow: true, type: "c", major: 1, minor: 5, access: "r" };

/** Which of these a process in the cgroup may open so: `<` for reading, `>` for writing. */
function opens(cgroup: string, ...words: readonly string[]): string[] {
  const tries = words.map((word) => `(true ${word}) 2>/dev/null && echo "${word}"`).join("; ");
  // The shell opens what it needs itself before it is restricted.
  const { stdout } = Bun.spawnSync(["sh", "-c", `echo $$ > ${cgroup}/cgroup.procs; ${tries}; true`], { stdin: "ignore", stderr: "ignore" });
  return stdout.toString().split("\n").filter((line) => line !== "");
}

if (hasHierarchy("unified")) {
  describe("replaceDeviceProgram()", () => {
    needs("root")("gives a cgroup a program that the kernel takes and obeys, and replaces it", () => {
      using cgroups = testCgroups("unified");
      const [cgroup = ""] = cgroups.directories;
      const all = ["< /dev/null", "> /dev/null", "< /dev/zero", "> /dev/zero", "< /dev/full"];
      expect(opens(cgroup, ...all)).toEqual(all);
      expect(replaceDeviceProgram(cgroup, program(NULL, ZERO), NAME)).toBe(0);
      // Errors go to /dev/null: without it all would look denied.
      expect(opens(cgroup, ...all)).toEqual(["< /dev/null", "> /dev/null", "< /dev/zero"]);
      expect(replaceDeviceProgram(cgroup, program(NULL, { ...ZERO, minor: 7 }), NAME)).toBe(0);
      expect(opens(cgroup, ...all)).toEqual(["< /dev/null", "> /dev/null", "< /dev/full"]);
      expect(replaceDeviceProgram(cgroup, deviceProgram({ allowed: true, exceptions: [] }), NAME)).toBe(0);
      expect(opens(cgroup, ...all)).toEqual(all);
    });

    needs("root")("is read back as the kernel runs it, with those of the cgroups above", () => {
      using cgroups = testCgroups("unified");
      const [cgroup = ""] = cgroups.directories;
      const below = `${cgroup}/below`;
      mkdirSync(below);
      try {
        expect(replaceDeviceProgram(cgroup, program(NULL), "outer")).toBe(0);
        expect(replaceDeviceProgram(below, program(NULL, ZERO), NAME)).toBe(0);
        const ids = effectiveDevicePrograms(below);
        const programs = (typeof ids === "number" ? [] : ids).map(readDeviceProgram).filter((one) => typeof one === "object");
        expect(programs.map(({ name }) => name).toSorted()).toEqual(["outer", NAME]);
        const answers = (minor: number): (number | undefined)[] => programs.map(({ code }) => (
          typeof code === "number" ? undefined : runDeviceProgram(Uint8Array.fromHex(code), { type: "c", major: 1, minor, access: 2 })
        ));
        expect([answers(3), answers(5).filter((answer) => answer === 0).length, answers(8)]).toEqual([[1, 1], 1, [0, 0]]);
        expect(effectiveDevicePrograms("/proc")).toBeLessThan(0);
        expect(readDeviceProgram(0xffff_fff0)).toBe(-2);
      } finally {
        rmdirSync(below);
      }
    });

    needs("root")("leaves programs with other names, which must agree", () => {
      using cgroups = testCgroups("unified");
      const [cgroup = ""] = cgroups.directories;
      expect(replaceDeviceProgram(cgroup, program(NULL), "another")).toBe(0);
      expect(replaceDeviceProgram(cgroup, program(NULL, ZERO), NAME)).toBe(0);
      expect(opens(cgroup, "< /dev/null", "< /dev/zero")).toEqual(["< /dev/null"]);
      expect(replaceDeviceProgram(cgroup, deviceProgram({ allowed: true, exceptions: [] }), "another")).toBe(0);
      expect(opens(cgroup, "< /dev/null", "< /dev/zero")).toEqual(["< /dev/null", "< /dev/zero"]);
    });

    needs("root")("leaves no moment in which all is allowed, or what stays allowed is denied", async () => {
      using cgroups = testCgroups("unified");
      const [cgroup = ""] = cgroups.directories;
      expect(replaceDeviceProgram(cgroup, program(NULL, ZERO), NAME)).toBe(0);
      const inside = `echo $$ > ${cgroup}/cgroup.procs; while (true < /dev/zero) 2>/dev/null && ! (true < /dev/full) 2>/dev/null; do :; done; echo gap`;
      const child = Bun.spawn(["sh", "-c", inside], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
      while (readFileSync(`${cgroup}/cgroup.procs`, "utf8") === "");
      for (let i = 0; i < 300; i++) expect(replaceDeviceProgram(cgroup, program(NULL, ZERO, { allow: true, type: "b", major: 7, minor: i }), NAME)).toBe(0);
      expect(child.exitCode).toBeNull();
      child.kill();
      expect(await new Response(child.stdout).text()).toBe("");
    });

    needs("root")("is an error for what is no cgroup and no program", () => {
      using cgroups = testCgroups("unified");
      expect(replaceDeviceProgram("/", program(NULL), NAME)).toBe(-9);
      expect(replaceDeviceProgram("/nowhere", program(NULL), NAME)).toBe(-2);
      expect(replaceDeviceProgram(cgroups.directories[0] ?? "", new Uint8Array(8), NAME)).toBe(-22);
    });
  });
}
