import { expect, test } from "bun:test";
import { parseAbstractNames, parseDefaultRoutes, parseInterfaces, parseListeners } from "./facts-network.ts";

// Captured on Debian 12.
const TCP = [
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
  "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 26501 1 0000000000000000 100 0 0 10 0",
  "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 26502 1 0000000000000000 100 0 0 10 0",
  "   2: 0100007F:1F90 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 26503 1 0000000000000000 20 4 30 10 -1",
  "",
].join("\n");
const TCP6 = [
  "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
  "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 26600 1 0000000000000000 100 0 0 10 0",
  "   1: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 26601 1 0000000000000000 100 0 0 10 0",
  "",
].join("\n");
const DEV = [
  "Inter-|   Receive                                                |  Transmit",
  " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
  "    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0",
  "  eth0:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0",
  "",
].join("\n");
const ROUTE = [
  "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
  "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0",
  "eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",
  "",
].join("\n");
const UNIX = [
  "Num       RefCount Protocol Flags    Type St Inode Path",
  "0000000000000000: 00000002 00000000 00010000 0001 01 17014 /run/dbus/system_bus_socket",
  "0000000000000000: 00000002 00000000 00010000 0001 01 18222 @/containerd-shim/moby/ab/shim.sock@",
  "0000000000000000: 00000003 00000000 00000000 0001 03 18223",
  "",
].join("\n");

test("listeners are told with address and port", () => {
  expect(parseListeners("tcp", TCP)).toEqual([
    { protocol: "tcp", address: "127.0.0.1", port: 8080, inode: 26501 }, { protocol: "tcp", address: "0.0.0.0", port: 22, inode: 26502 },
  ]);
  expect(parseListeners("tcp", TCP6).map(({ address, port }) => [address, port])).toEqual([["::", 80], ["::1", 631]]);
  expect(parseListeners("udp", TCP)).toEqual([]);
});

test("interfaces, default routes and abstract names", () => {
  expect(parseInterfaces(DEV)).toEqual(["lo", "eth0"]);
  expect(parseDefaultRoutes(ROUTE)).toEqual([{ interface: "eth0", gateway: "172.17.0.1" }]);
  expect(parseAbstractNames(UNIX)).toEqual(["@/containerd-shim/moby/ab/shim.sock@"]);
});

test("nonsense is left out", () => {
  for (const text of ["", "x", "\n\n", "a\n  0: ZZ:1 x"]) {
    expect([...parseListeners("tcp", text), ...parseInterfaces(text), ...parseDefaultRoutes(text), ...parseAbstractNames(text)]).toEqual([]);
  }
});
