import { expect, test } from "bun:test";
import { containerFacts, MOUNTS, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./tmpfs-unsized.ts";

test("Docker's are bounded, one without a size is found", () => {
  expect(told(check)).toEqual(["pass: all are bounded"]);
  const open = parseMountinfo(`${MOUNTS}700 600 0:90 / /tmp rw,nosuid - tmpfs tmpfs rw,inode64\n701 600 0:27 /x /run/x rw - tmpfs tmpfs rw\n`);
  expect(told(check, { container: containerFacts({ mounts: open }) })).toEqual(["finding: /tmp"]);
  expect(told(check, { container: containerFacts({ mounts: -13 }) })).toEqual(["unknown: its mount table could not be read"]);
});
