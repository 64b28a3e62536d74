/** seccomp filters with flags and with a listener, which another program holds. */
import { afterAll, describe, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { LinuxSeccomp, SeccompSyscall } from "../../src/spec/runtime-config.ts";
import { withAgent } from "../conformance/agent.ts";
import { buildProgram } from "../conformance/bench.ts";
import { needs } from "../parts.ts";
import { until } from "../until.ts";
import { configOf, OciScene } from "./scene.ts";

const scene = new OciScene();
afterAll(() => scene[Symbol.dispose]());

const notify = (...names: string[]): SeccompSyscall => ({ names, action: "SCMP_ACT_NOTIFY" });
const profile = (path: string, ...syscalls: SeccompSyscall[]): LinuxSeccomp => ({
  defaultAction: "SCMP_ACT_ALLOW", listenerPath: path, listenerMetadata: "made for a test", syscalls: [notify("mkdir", "mkdirat"), ...syscalls],
});

describe("a listener", () => {
  for (const noNewPrivileges of [true, false]) {
    // sendmsg is how other runtimes' descriptors would travel; a filter on it must not stop the runtime itself.
    needs("root", "busybox")(`answers the program's calls, ${noNewPrivileges ? "with" : "without"} no_new_privs and though sendmsg and recvmsg fail`, async () => {
      await withAgent(buildProgram("listener", scene.directory), scene.directory, async (agent) => {
        const seccomp = profile(agent.socket, { names: ["sendmsg", "recvmsg"], action: "SCMP_ACT_ERRNO" });
        const config = configOf("mkdir /tmp/x; ls /tmp | wc -l; grep Seccomp: /proc/self/status", { process: { noNewPrivileges }, linux: { ...configOf("").linux, seccomp } });
        const { code, out, err } = scene.run(config);
        expect([code, out]).toEqual([0, "0\nSeccomp:\t2\n"]);
        expect(err).toContain("No medium found");
        const document = await until(() => agent.states()[0]?.payload, "what came with the listener");
        expect(document).toMatchObject({
          ociVersion: "1.3.0", fds: ["seccompFd"], metadata: "made for a test",
          state: { ociVersion: "1.3.0", status: "creating", bundle: scene.directory, pid: document["pid"] },
        });
        expect(document["pid"]).toBeGreaterThan(1);
      });
    });
  }

  needs("root", "busybox")("that nobody holds is a failed start, and leaves nothing", () => {
    const seccomp = profile(join(scene.directory, "nobody"));
    const { code, err } = scene.run(configOf("true", { linux: { ...configOf("").linux, seccomp } }));
    expect([code, err]).toEqual([1, expect.stringContaining("listenerPath")]);
    expect(readdirSync(join(scene.directory, "state"))).toEqual([]);
  });

  needs("root", "busybox")("without a call that goes to it is not asked for", () => {
    const seccomp: LinuxSeccomp = { defaultAction: "SCMP_ACT_ALLOW", listenerPath: join(scene.directory, "nobody") };
    expect(scene.lines("echo yes", { linux: { ...configOf("").linux, seccomp } })).toEqual(["yes"]);
  });
});

describe("flags of a filter", () => {
  const withFlags = (flags: LinuxSeccomp["flags"]): string[] => {
    const syscalls: SeccompSyscall[] = [{ names: ["mkdir"], action: "SCMP_ACT_LOG" }];
    const seccomp: LinuxSeccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls, ...(flags === undefined ? {} : { flags }) };
    return scene.lines("grep -E '^(Seccomp|Seccomp_filters|Speculation_Store_Bypass):' /proc/self/status | tr '\\t' ' '", { linux: { ...configOf("").linux, seccomp } });
  };

  needs("root", "busybox")("are those of the profile: SPEC_ALLOW shows, TSYNC and LOG are taken", () => {
    const plain = withFlags(undefined);
    expect(plain.slice(0, 2)).toEqual(["Seccomp: 2", "Seccomp_filters: 1"]);
    expect(withFlags(["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG"])).toEqual(plain);
    const allowed = withFlags(["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]);
    expect(allowed[2]).toBe(plain[2]?.replace("force mitigated", "vulnerable") ?? "");
  });
});
