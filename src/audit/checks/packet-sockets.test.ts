import { expect, test } from "bun:test";
import { container, containerFacts, descriptor, networkFacts, object, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./packet-sockets.ts";

const LINE = "0000000000000000 3      3    0003   2     1 0      0      4242";
const network = networkFacts({ packetSockets: [LINE] });
const holder = task({ descriptors: [descriptor(3, "socket:[4242]", object({ mode: 0o140777 }))] });

test("one in its own network is found, and of the host's only its own", () => {
  expect(told(check)).toEqual(["pass: none"]);
  expect(told(check, { container: containerFacts({ network }) })).toEqual(["finding: 1 packet sockets"]);
  expect(told(check, { container: containerFacts({ network, container: container({ sharedWithHost: ["net"] }) }) })).toEqual(["pass: none"]);
  expect(told(check, { container: containerFacts({ network, task: holder, container: container({ sharedWithHost: ["net"] }) }) })).toEqual(["finding: 1 packet sockets"]);
});
