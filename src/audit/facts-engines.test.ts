import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseListeners, parseSocketAddress } from "./facts-engines.ts";

const TCP = [
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
  "   0: 0100007F:0947 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 26310 1 0000000000000000 100 0 0 10 0",
  "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 999 1 0000000000000000 100 0 0 10 0",
  "   2: 0100007F:8124 0100007F:0947 01 00000000:00000000 00:00000000 00000000     0        0 27000 1 0000000000000000 20 4 30 10 -1",
].join("\n");

test("sockets that listen, by inode", () => {
  expect([...parseListeners(TCP)]).toEqual([[26310, { address: "127.0.0.1", port: 2375 }], [999, { address: "0.0.0.0", port: 22 }]]);
});

test("addresses of IPv6", () => {
  const words = ["00000000000000000000000000000000", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F", "B80D0120000000000000000001000000"];
  expect(words.map(parseSocketAddress)).toEqual(["::", "::1", "0:0:0:0:0:ffff:7f00:1", "2001:db8:0:0:0:0:0:1"]);
});

test("any text", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    for (const { port } of parseListeners(text).values()) expect(port).toBeLessThan(65_536);
  }));
});
