/** Properties of the parsers of facts of an audit: any text or bytes give an answer, and none that the input does not say. */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { hazardOf, parseMisc } from "../../src/audit/device-hazards.ts";
import { parsePidfd } from "../../src/audit/facts-handles.ts";
import { engineOfPath, parseSocketInodes, parseUnixTable } from "../../src/audit/facts-sockets.ts";
import { isEngineStorage, sensitivePath } from "../../src/audit/host-paths.ts";
import { parseUnixSocket } from "../../src/kernel/unix-sockets.ts";

const numRuns = process.env["PIDBOX_FUZZ"] === "smoke" ? 100 : 2000;
const seeds = [
  "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0000000000000000 100 0 0 10 0",
  "0000000000000000: 00000002 00000000 00010000 0001 01 777 /run/docker.sock", "pos:\t0\nflags:\t02000002\nmnt_id:\t15\nPid:\t42\nNSpid:\t42\t1\n", "229 fuse\n232 kvm\n 61 vga_arbiter\n",
];
const mutated = fc.tuple(fc.constantFrom(...seeds), fc.nat(), fc.nat({ max: 10 }), fc.string({ unit: "binary", maxLength: 10 })).map(([text, at, cut, put]) => {
  const place = at % (text.length + 1);
  return text.slice(0, place) + put + text.slice(place + cut);
});
const anyText = fc.oneof(fc.string({ unit: "binary" }), mutated);

test("parsers of /proc are total, and give positive numbers only", () => {
  fc.assert(fc.property(anyText, (text) => {
    for (const inode of parseSocketInodes(text)) expect(Number.isSafeInteger(inode) && inode > 0).toBe(true);
    for (const { inode, path } of parseUnixTable(text)) expect(Number.isSafeInteger(inode) && text.includes(path)).toBe(true);
    expect(Number.isSafeInteger(parsePidfd(text) ?? 0)).toBe(true);
    for (const [minor, name] of parseMisc(text)) expect(Number.isSafeInteger(minor) && text.includes(name)).toBe(true);
    expect(typeof engineOfPath(text) === "string" || engineOfPath(text) === undefined).toBe(true);
    expect(typeof isEngineStorage(text)).toBe("boolean");
    const sensitive = sensitivePath(text);
    expect(sensitive === undefined || sensitive.why !== "").toBe(true);
  }), { numRuns });
});

test("what the kernel writes is read", () => {
  const [tcp = "", unix = "", pidfd = "", misc = ""] = seeds;
  expect(parseSocketInodes(`  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n${tcp}\n`)).toEqual([4242]);
  expect(parseUnixTable(`Num       RefCount Protocol Flags    Type St Inode Path\n${unix}\n`)).toEqual([{ inode: 777, path: "/run/docker.sock" }]);
  expect(parsePidfd(pidfd)).toBe(42);
  expect(hazardOf({ type: "c", major: 10, minor: 232 }, parseMisc(misc))).toEqual({ severity: "high", what: "virtual machines" });
});

test("messages of sock_diag are read within their bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(30), (bytes, type) => {
    const body = new Uint8Array(bytes);
    const socket = parseUnixSocket({ type, body });
    if (type !== 20 || body.length < 16 || body[0] !== 1) expect(socket).toBeUndefined();
    else expect(Number.isSafeInteger(socket?.inode)).toBe(true);
  }), { numRuns });
});

test("paths that lead to secrets or to power are known, and one project in a home is none of them", () => {
  const told = (path: string): string => sensitivePath(path)?.why ?? "";
  expect(["/", "/etc", "/etc/shadow", "/etc/ssh/ssh_host_ed25519_key", "/home/me", "/home/me/.ssh/id", "/var", "/var/lib/docker", "/usr"].map(told).filter((why) => why === "")).toEqual([]);
  expect(["/home/me/project", "/srv/data", "/etc/localtime", "/etc/hosts", "/var/lib/docker/volumes/x/_data", "/var/lib/kubelet/pods/u/volumes/x", "/opt", "/tmp"].map(told).join("")).toBe("");
});
