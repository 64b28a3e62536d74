import { describe, expect, test } from "bun:test";
import { parseMountinfo } from "./mountinfo.ts";
import { procVisibility } from "./proc-visibility.ts";

const PROC = "26 30 0:24 / /proc rw,nosuid,nodev,noexec,relatime shared:5 - proc proc rw\n";

describe("procVisibility()", () => {
  test("takes systemd's automount of binfmt_misc for what it is: a mount on a directory that is always empty", () => {
    const table = `${PROC}34 26 0:31 / /proc/sys/fs/binfmt_misc rw,relatime shared:15 - autofs systemd-1 rw,fd=29\n41 34 0:36 / /proc/sys/fs/binfmt_misc rw - binfmt_misc binfmt_misc rw\n`;
    expect(procVisibility(parseMountinfo(table))).toEqual({ visible: true, masks: [], readOnly: false });
  });
  test("names the mounts that hide a part", () => {
    const table = `${PROC}50 26 0:40 / /proc/acpi ro,relatime - tmpfs tmpfs ro\n51 26 0:24 /sys /proc/sys ro - proc proc rw\n`;
    expect(procVisibility(parseMountinfo(table))).toEqual({ visible: false, masks: ["/proc/acpi", "/proc/sys"], readOnly: false });
  });
  test("a second whole proc elsewhere is enough, a read-only one is not writable", () => {
    const masked = `${PROC}50 26 0:40 / /proc/acpi ro,relatime - tmpfs tmpfs ro\n`;
    expect(procVisibility(parseMountinfo(`${masked}60 30 0:50 / /mnt/proc rw - proc proc rw\n`)).visible).toBe(true);
    expect(procVisibility(parseMountinfo(`${masked}60 30 0:50 / /mnt/proc ro - proc proc rw\n`))).toEqual({ visible: true, masks: [], readOnly: true });
    expect(procVisibility([]).visible).toBe(false);
  });
});
