import { expect, test } from "bun:test";
import { osReleaseField, parseChangelog, parseKernelConfig, readKernel } from "./facts-kernel.ts";

test("options of a configuration", () => {
  const config = parseKernelConfig("CONFIG_TLS=m\n# CONFIG_RDS is not set\nCONFIG_LSM=\"landlock,yama\"\nnonsense\n");
  expect([...config]).toEqual([["CONFIG_TLS", "m"], ["CONFIG_LSM", "\"landlock,yama\""]]);
});

test("a changelog counts for the version that it is of", () => {
  const text = "linux-signed-amd64 (6.1.170+3) bookworm-security; urgency=high\n\n  * Sign kernel from linux 6.1.170-3\n  * xfrm: fix (CVE-2026-43284), CVE-2026-43284\n";
  expect(parseChangelog(text, "6.1.170-3")).toEqual(["CVE-2026-43284"]);
  expect(parseChangelog(text, "6.1.170-2")).toBeUndefined();
  expect(parseChangelog("linux (6.8.0-117.117) noble; urgency=medium\n", "6.8.0-117.117")).toEqual([]);
  expect(parseChangelog("", "")).toBeUndefined();
});

test("fields of os-release, quoted or not", () => {
  const text = "NAME=\"Debian\"\nID=debian\nVERSION_CODENAME='bookworm'\n";
  expect([osReleaseField(text, "ID"), osReleaseField(text, "VERSION_CODENAME"), osReleaseField(text, "NONE")]).toEqual(["debian", "bookworm", ""]);
});

test("this kernel", () => {
  const { machine, build, modules } = readKernel("no-such-release");
  expect(["x64", "arm64"]).toContain(machine);
  expect(build).toStartWith("#");
  expect(modules.has("tls")).toBe(true);
});
