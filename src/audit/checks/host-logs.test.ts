import { expect, test } from "bun:test";
import { answersOf, containerFacts, MOUNTS, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./host-logs.ts";

const withMounts = (text: string): ReturnType<typeof containerFacts> => containerFacts({ mounts: parseMountinfo(MOUNTS + text) });

test("/var/log and what is above it are found, logs of one program are not", () => {
  expect(told(check)).toEqual(["pass: none"]);
  expect(told(check, { container: withMounts("700 600 8:1 /var/log/nginx /var/log/nginx rw - ext4 /dev/sda1 rw\n") })).toEqual(["pass: none"]);
  expect(told(check, { container: withMounts("700 600 8:1 /var/log /logs rw - ext4 /dev/sda1 rw\n") })).toEqual(["finding: /var/log of the host on /logs, writable"]);
  expect(answersOf(check, { container: withMounts("700 600 8:1 /var /logs ro - ext4 /dev/sda1 rw\n") })[0]).toMatchObject({ verdict: "finding", severity: "medium" });
  expect(told(check, { container: containerFacts({ mounts: -3 }) })).toEqual(["unknown: its mount table could not be read"]);
});
