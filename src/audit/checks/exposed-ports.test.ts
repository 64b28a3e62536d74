import { expect, test } from "bun:test";
import { container, containerFacts, descriptor, networkFacts, object, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./exposed-ports.ts";

const socket = descriptor(3, "socket:[77]", object({ mode: 0o140777, mountId: 9, inode: 77 }));
const listening = (address: string, inode: number): ReturnType<typeof containerFacts> =>
  containerFacts({
    container: container({ sharedWithHost: ["net"] }), task: task({ descriptors: [socket] }),
    network: networkFacts({ listeners: [{ protocol: "tcp", address, port: 8080, inode }] }),
  });

test("its own socket on all addresses is found, others' are not", () => {
  expect(told(check)).toEqual(["not-applicable: its network namespace is not the host's"]);
  expect(told(check, { container: listening("0.0.0.0", 77) })).toEqual(["finding: 8080/tcp"]);
  expect(told(check, { container: listening("::", 77) })).toEqual(["finding: 8080/tcp"]);
  expect(told(check, { container: listening("127.0.0.1", 77) })).toEqual(["pass: none of its sockets does"]);
  expect(told(check, { container: listening("0.0.0.0", 78) })).toEqual(["pass: none of its sockets does"]);
});
