import { describe, expect, test } from "bun:test";
import { PidboxError } from "../base/error.ts";
import { parseContainerdConfig, parseCrioConfig, parseDockerConfig, parsePodmanConfig } from "./installed-config.ts";

describe("parseDockerConfig()", () => {
  test("lists what the defaults leave open", () => {
    expect(parseDockerConfig("").weak.map((w) => w.key)).toEqual(["userns-remap", "icc", "no-new-privileges"]);
  });
  test("finds nothing weak in a hardened file", () => {
    const hosts = ["unix:///run/docker.sock", "tcp://127.0.0.1:2375"];
    expect(parseDockerConfig(JSON.stringify({ "userns-remap": "default", icc: false, "no-new-privileges": true, hosts })).weak).toEqual([]);
  });
  test("finds a socket open to the network unless clients are verified", () => {
    const open = '"hosts":["tcp://0.0.0.0:2375"]';
    expect(parseDockerConfig(`{${open}}`).weak.map((w) => w.key)).toContain("hosts");
    expect(parseDockerConfig(`{${open},"tlsverify":true}`).weak.map((w) => w.key)).not.toContain("hosts");
  });
  const odd = ['{"runtimes":[]}', '{"runtimes":{"x":null}}', '{"runtimes":{"x":{"path":7}}}', '{"__proto__":{"runtimes":{"x":{"path":"/x"}}}}'];
  test.each(odd)("ignores values of the wrong type in %s", (source) => {
    expect(parseDockerConfig(source).runtimes).toEqual([]);
  });
  test.each(["{", "null", "7", "[]"])("refuses %s", (source) => expect(() => parseDockerConfig(source)).toThrow(PidboxError));
});

test("parsePodmanConfig() reads the runtime and its candidate paths", () => {
  const config = parsePodmanConfig('[engine]\nruntime = "crun"\n[engine.runtimes]\ncrun = ["/usr/bin/crun", "/usr/local/bin/crun", 7]\nodd = "x"\n');
  expect(config.defaultRuntime).toBe("crun");
  expect(config.runtimes).toEqual([{ name: "crun", paths: ["/usr/bin/crun", "/usr/local/bin/crun"], key: "engine.runtimes.crun" }, { name: "odd", paths: [], key: "engine.runtimes.odd" }]);
});

test.each(["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"])("parseContainerdConfig() reads BinaryName of plugin %s", (plugin) => {
  const config = parseContainerdConfig(`version = 2\n[plugins."${plugin}".containerd]\ndefault_runtime_name = "pidbox"\n[plugins."${plugin}".containerd.runtimes.pidbox.options]\nBinaryName = "/usr/local/bin/pidbox-oci"\n`);
  expect(config.defaultRuntime).toBe("pidbox");
  expect(config.runtimes).toEqual([{ name: "pidbox", paths: ["/usr/local/bin/pidbox-oci"], key: `plugins.${plugin}.containerd.runtimes.pidbox.options.BinaryName` }]);
});

test("parseCrioConfig() reads runtime_path", () => {
  const config = parseCrioConfig('[crio.runtime]\ndefault_runtime = "crun"\n[crio.runtime.runtimes.crun]\nruntime_path = "/usr/libexec/crio/crun"\n');
  expect(config).toMatchObject({ defaultRuntime: "crun", runtimes: [{ name: "crun", paths: ["/usr/libexec/crio/crun"] }] });
});

test.each([parsePodmanConfig, parseContainerdConfig, parseCrioConfig])("%p refuses what is not TOML", (parse) => {
  expect(() => parse("[engine\nx")).toThrow(PidboxError);
});
