import { expect, test } from "bun:test";
import { containerFacts, object, told } from "../../../test/fixtures/audit/facts.ts";
import type { PathFacts } from "../../engine/posture.ts";
import { check } from "./host-vsock.ts";

const looking = (facts: PathFacts): ReturnType<typeof containerFacts> =>
  containerFacts({ paths: new Map(["/dev/vsock", "/dev/vhost-vsock"].map((path) => [path, facts])) });

test("a device is found, none passes, and what was not seen is unknown", () => {
  expect(told(check, { container: looking({ object: object({ mode: 0o020666 }) }) })).toEqual(["finding: /dev/vsock, /dev/vhost-vsock"]);
  expect(told(check, { container: looking({ object: -2 }) })).toEqual(["pass: none"]);
  expect(told(check, { container: looking({ object: -13 }) })).toEqual(["unknown: /dev/vsock could not be looked at"]);
});
