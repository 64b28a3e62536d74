import { expect, test } from "bun:test";
import { containerFacts, hostFacts, MOUNTS, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import { check } from "./shared-propagation.ts";

const withMount = (line: string): ReturnType<typeof containerFacts> => containerFacts({ mounts: parseMountinfo(`${MOUNTS}${line}\n`) });

test("a peer group of the host is found, one among containers and a slave are not", () => {
  expect(told(check)).toEqual(["pass: none"]);
  expect(told(check, { container: withMount("700 600 8:1 /data /data rw shared:1 - ext4 /dev/sda1 rw") })).toEqual(["finding: /data"]);
  expect(told(check, { container: withMount("700 600 8:1 /data /data rw shared:900 - ext4 /dev/sda1 rw") })).toEqual(["pass: none"]);
  expect(told(check, { container: withMount("700 600 8:1 /data /data rw master:1 - ext4 /dev/sda1 rw") })).toEqual(["pass: none; 1 receive what the host mounts"]);
  expect(told(check, { host: hostFacts({ mounts: -13 }) })).toEqual(["unknown: the host's mount table could not be read"]);
});
