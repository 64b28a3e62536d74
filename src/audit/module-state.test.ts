import { expect, test } from "bun:test";
import fc from "fast-check";
import { isReachable, type ModuleFiles, moduleStates, parseModprobe } from "./module-state.ts";

const files: ModuleFiles = {
  loaded: "nf_tables 372736 0 - Live 0x0\nxt_tls_helper 1 0 - Live\n", builtin: "kernel/net/key/af_key.ko\n",
  dependencies: "kernel/net/tls/tls.ko.xz:\nkernel/net/rds/rds.ko.xz:\nkernel/net/tipc/tipc.ko: a\nkernel/net/can/can.ko.zst:\nkernel/net/sctp/sctp.ko: b\nkernel/net/smc/smc.ko:\n",
  aliases: "alias tcp-ulp-tls tls\nalias net-pf-30 tipc\nalias net-pf-29 can\nalias net-pf-2-proto-132 sctp\nalias net-pf-43 smc\n",
  rules: ["blacklist can\n# install tls /bin/false\ninstall sctp /bin/false\nalias net-pf-43 off\n"], config: -2, disabled: "0",
};
const state = (name: string, changes: Partial<ModuleFiles> = {}): string | undefined => moduleStates({ ...files, ...changes }).get(name);

test("loaded, built in, loadable, by hand only, disabled, absent", () => {
  const names = ["nf_tables", "af_key", "tls", "tipc", "rds", "can", "smc", "sctp", "rxrpc"];
  expect(names.map((name) => state(name))).toEqual(["loaded", "built-in", "loadable", "loadable", "manual", "manual", "manual", "disabled", "absent"]);
});

test("a kernel without modules has what its configuration says", () => {
  const bare = { loaded: -2, builtin: -2, dependencies: -2, aliases: -2, config: new Map([["CONFIG_VSOCKETS", "y"], ["CONFIG_TLS", "m"]]) };
  expect(["vsock", "tls", "rds"].map((name) => state(name, bare))).toEqual(["built-in", "absent", "absent"]);
  expect(state("vsock", { ...bare, config: -2 })).toBe("unknown");
});

test("what cannot be read is unknown, and a shut kernel loads nothing", () => {
  expect(state("tls", { dependencies: -13 })).toBe("unknown");
  expect(state("tls", { aliases: -13 })).toBe("unknown");
  expect(state("rxrpc", { builtin: -13 })).toBe("unknown");
  expect(state("tls", { disabled: "1" })).toBe("disabled");
  expect(["unknown", undefined, "manual", "loadable"].map((one) => isReachable(one as "unknown"))).toEqual([undefined, undefined, false, true]);
});

test("rules of modprobe.d, with any bytes around them", () => {
  const rules = parseModprobe(["install esp4 \\\n  /bin/true\nblacklist some-module\ninstall x /bin/sh -c true\n"]);
  expect([[...rules.replaced], [...rules.blacklisted]]).toEqual([["esp4"], ["some_module"]]);
  fc.assert(fc.property(fc.string(), (text) => {
    expect(moduleStates({ ...files, loaded: text, builtin: text, dependencies: text, aliases: text, rules: [text] }).size).toBe(moduleStates(files).size);
  }));
});
