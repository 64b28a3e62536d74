import { describe, expect, test } from "bun:test";
import { PidboxError } from "../base/error.ts";
import { editCapabilities, parseCapability } from "./capability-list.ts";
import { mergeEnvironment, parseEnvArgument, parseEnvFile } from "./env-file.ts";
import { parseContainerId, parseHostname, parseName } from "./name.ts";
import { parseSize } from "./size.ts";
import { sysctlNamespace, sysctlPath } from "./sysctl.ts";
import { parseUlimit, parseUlimits, RLIM_INFINITY } from "./ulimit.ts";

function code(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof PidboxError ? `${error.code} ${error.hint ?? ""}`.trimEnd() : String(error);
  }
  return "nothing was thrown";
}

describe("parseSize()", () => {
  const SIZES: [string, number][] = [
    ["0", 0], ["4096", 4096], ["64k", 65536], ["64K", 65536], ["512m", 512 << 20], ["1g", 2 ** 30], ["1.5g", 1.5 * 2 ** 30],
    ["2t", 2 ** 41], ["10MiB", 10 << 20], ["10MB", 10 << 20], ["7b", 7], ["1 g", 2 ** 30],
  ];
  for (const [text, bytes] of SIZES) test(`reads ${text}`, () => expect(parseSize(text, "-m")).toBe(bytes));
  for (const bad of ["", "-1", "-5m", "m", "1x", "1e3", "0x10", "1,5g", "99999999t", " 1", "1bb", "１"]) {
    test(`refuses ${bad}`, () => expect(code(() => parseSize(bad, "-m"))).toStartWith("USAGE"));
  }
  test("reads -1 only where unlimited is allowed", () => expect(parseSize("-1", "--memory-swap", { unlimited: true })).toBe(-1));
});

describe("parseUlimit()", () => {
  test("reads soft and hard, no limit, and one number for both", () => {
    expect(parseUlimit("nofile=1024:2048")).toEqual({ type: "RLIMIT_NOFILE", soft: 1024, hard: 2048 });
    expect(parseUlimit("core=-1")).toEqual({ type: "RLIMIT_CORE", soft: RLIM_INFINITY, hard: RLIM_INFINITY });
    expect(parseUlimit("stack=8:unlimited")).toEqual({ type: "RLIMIT_STACK", soft: 8, hard: RLIM_INFINITY });
    expect(parseUlimit("cpu=9007199254740993").hard).toBe(9007199254740993n);
  });
  test("lets a later flag of one name win", () => expect(parseUlimits(["cpu=1", "core=0", "cpu=2"]).map((l) => `${l.type} ${l.soft}`)).toEqual(["RLIMIT_CPU 2", "RLIMIT_CORE 0"]));
  for (const bad of ["", "nofile", "nofile=", "nofile=1:2:3", "nofile=2:1", "nofile=-2", "foo=1", "nofile=1=2", "nofile=18446744073709551616", "nofile=:1", "constructor=1"]) {
    test(`refuses ${bad}`, () => expect(code(() => parseUlimit(bad))).toStartWith("USAGE"));
  }
});

describe("names", () => {
  test("parseName() takes docker's grammar", () => expect(["a", "web-1", "A.b_c+d", "9"].map(parseName)).toEqual(["a", "web-1", "A.b_c+d", "9"]));
  for (const bad of ["", ".", "..", "-a", ".a", "_a", "a/b", "a b", "a\nb", "a\0", "é", "a".repeat(129)]) {
    test(`parseName() refuses ${JSON.stringify(bad.slice(0, 9))}`, () => expect(code(() => parseName(bad))).toBe("USAGE"));
  }
  test("parseContainerId() takes engines' ids", () => expect(parseContainerId(`cri-containerd_${"f".repeat(64)}`)).toHaveLength(79));
  for (const bad of ["", ".", "..", "-x", ".x", "a/../b", "a\n", "x".repeat(256)]) {
    test(`parseContainerId() refuses ${JSON.stringify(bad.slice(0, 9))}`, () => expect(code(() => parseContainerId(bad))).toBe("USAGE"));
  }
  test("parseHostname() takes labels", () => expect(["a", "a.b-c", "x1", "my_host"].map(parseHostname)).toEqual(["a", "a.b-c", "x1", "my_host"]));
  for (const bad of ["", "-a", "a-", "a..b", "a b", "a\n", "x".repeat(65)]) test(`parseHostname() refuses ${JSON.stringify(bad.slice(0, 9))}`, () => expect(code(() => parseHostname(bad))).toBe("USAGE"));
});

describe("environment", () => {
  const caller = { HOME: "/h", EMPTY: "" };
  test("parseEnvFile() keeps values byte for byte and takes names from the caller", () => {
    const text = "\ufeff# note\n\n  A=1 \nB=\"x\"\r\nC=a=b # c\nHOME\nNOT_SET\nEMPTY\n\tD=\ntoString";
    expect(parseEnvFile(new TextEncoder().encode(text), caller)).toEqual(["A=1 ", 'B="x"', "C=a=b # c", "HOME=/h", "EMPTY=", "D="]);
    expect(parseEnvFile(text, caller)).toHaveLength(6);
  });
  for (const bad of ["=x", "A B=1", "A\t=1", "A=\0"]) test(`parseEnvFile() refuses ${JSON.stringify(bad)} and names the line`, () => {
    expect(() => parseEnvFile(`OK=1\n${bad}\n`, caller)).toThrow(/line 2/);
    expect(code(() => parseEnvFile(bad, caller))).toBe("CONFIG_INVALID");
  });
  test("parseEnvFile() refuses what is not UTF-8 or too long", () => {
    expect(code(() => parseEnvFile(new Uint8Array([0xff]), caller))).toBe("CONFIG_INVALID");
    expect(code(() => parseEnvFile(new Uint8Array((1 << 20) + 1), caller))).toBe("CONFIG_INVALID");
  });
  test("parseEnvArgument() takes NAME=VALUE and NAME", () => {
    expect(["A=b=c", "HOME", "NOT_SET", "constructor"].map((v) => parseEnvArgument(v, caller))).toEqual(["A=b=c", "HOME=/h", undefined, undefined]);
    for (const bad of ["", "=x", "A=\0"]) expect(code(() => parseEnvArgument(bad, caller))).toBe("USAGE");
  });
  test("mergeEnvironment() keeps the last of each name in its first place", () => expect(mergeEnvironment(["A=1", "B=2"], ["A=3", "__proto__=x"])).toEqual(["A=3", "B=2", "__proto__=x"]));
});

describe("editCapabilities()", () => {
  const base = ["CAP_KILL", "CAP_CHOWN"];
  test("adds and drops in the kernel's order, whatever the spelling", () => {
    expect(editCapabilities(base, ["net_raw", "CAP_NET_ADMIN"], ["Kill"])).toEqual(["CAP_CHOWN", "CAP_NET_ADMIN", "CAP_NET_RAW"]);
    expect(editCapabilities(base, [], [])).toEqual(["CAP_CHOWN", "CAP_KILL"]);
  });
  test("knows ALL on both sides", () => {
    expect(editCapabilities(base, [], ["ALL"])).toEqual([]);
    expect(editCapabilities(base, ["SETUID"], ["all"])).toEqual(["CAP_SETUID"]);
    expect(editCapabilities(base, ["ALL"], ["SYS_ADMIN"])).toHaveLength(40);
    expect(editCapabilities(base, ["ALL", "KILL"], ["ALL"])).toEqual(["CAP_KILL"]);
  });
  test("refuses one capability in both", () => expect(code(() => editCapabilities(base, ["KILL"], ["cap_kill"]))).toBe("USAGE"));
  test("parseCapability() proposes the nearest name", () => {
    expect(code(() => parseCapability("NET_ADMN", "--cap-add"))).toBe("USAGE Did you mean NET_ADMIN?");
    expect(code(() => parseCapability("xyzzyplugh", "--cap-add"))).toBe("USAGE");
    expect(code(() => parseCapability("a".repeat(1e5), "--cap-add"))).toBe("USAGE");
    expect(code(() => parseCapability("", "--cap-add"))).toStartWith("USAGE");
  });
});

describe("sysctlPath()", () => {
  const PATHS: [string, string | undefined, string | undefined][] = [
    ["net.ipv4.ip_forward", "net/ipv4/ip_forward", "network"],
    ["net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding", "network"],
    ["net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding", "network"], ["kernel.shmmax", "kernel/shmmax", "ipc"],
    ["fs.mqueue.msg_max", "fs/mqueue/msg_max", "ipc"], ["kernel.hostname", "kernel/hostname", "uts"],
    ["kernel.shm_next_id", "kernel/shm_next_id", undefined], ["network.x", "network/x", undefined], ["kernel", undefined, undefined],
    ["net..x", undefined, undefined], ["net/../x", undefined, undefined], ["/net/x", undefined, undefined],
    ["net./.x", undefined, undefined], ["net.\n", undefined, undefined], ["", undefined, undefined],
  ];
  for (const [name, path, namespace] of PATHS) {
    test(`reads ${JSON.stringify(name)}`, () => {
      expect(sysctlPath(name)).toBe(path);
      expect(path === undefined ? undefined : sysctlNamespace(path)).toBe(namespace as ReturnType<typeof sysctlNamespace>);
    });
  }
});
