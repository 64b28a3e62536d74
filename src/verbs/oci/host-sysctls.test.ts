import { expect, test } from "bun:test";
import { refuseHostSysctls } from "./host-sysctls.ts";

test("refuseHostSysctls() compares the namespace, not its path", () => {
  const config = (type: "network" | "ipc" | "uts", path?: string) => ({
    namespaces: [{ type, ...(path === undefined ? {} : { path }) }], sysctl: { "net.ipv4.ip_forward": "1" },
  });
  expect(() => refuseHostSysctls(config("network", `/proc/${process.pid}/ns/net`))).toThrow('sysctl "net.ipv4.ip_forward" not allowed in host network namespace');
  expect(() => refuseHostSysctls({ ...config("ipc", "/proc/self/ns/ipc"), sysctl: { "kernel/sem": "1" } })).toThrow("host IPC namespace");
  refuseHostSysctls(config("network"));
  refuseHostSysctls(config("network", "/proc/self/ns/uts"));
  refuseHostSysctls(config("network", "/no/such"));
  refuseHostSysctls({ namespaces: [{ type: "network", path: "/proc/self/ns/net" }], sysctl: {} });
  refuseHostSysctls(undefined);
});
