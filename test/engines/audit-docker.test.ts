/** The audit of containers of docker: all that is grave of the default one, and what each flag that weakens it adds. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { has, needs, type Part } from "../parts.ts";
import { type Expected, expectFindings } from "./audit.ts";
import { lacksCapabilities } from "./differences.ts";
import { Docker, DockerBox } from "./docker.ts";
import { runtimePath } from "./scenario.ts";

/** With cgroups of version 2 docker gives each container a cgroup namespace, and with a security module a profile: other findings. */
const PARTS: readonly Part[] = ["root", "docker", "runc", "busybox", "iptables", "cgroup1", "noapparmor", "noselinux"];
const LIMIT = 120_000;

/** No limits, io_uring in the filter of Docker 20.10, and root that is the host's. */
const HIGH = "G01 G02 K09 S01";
/** Docker's capabilities, no_new_privs off, a writable root, a shared bridge. */
const LESS = "C02 L07 N01 N07 P21 V03";

/** runc that takes from what is asked what the engine lacks, and so starts what is privileged (differences.ts). */
const LACKING = `#!/bin/sh
for word; do
  [ "$last" = --bundle ] && sed -i 's/"CAP_SYS_RESOURCE",//g; s/,"CAP_SYS_RESOURCE"//g' "$word/config.json"
  last=$word
done
exec ${runtimePath("runc")} "$@"
`;

interface Case extends Expected {
  readonly name: string;
  flags(docker: Docker): readonly string[];
}

const runtime = (): string[] => (lacksCapabilities() ? ["--runtime", "lacking"] : []);

const CASES: readonly Case[] = [
  { name: "default", flags: () => [], high: HIGH, less: LESS },
  { name: "--pid host", flags: () => ["--pid", "host"], critical: "L01", high: `C07 ${HIGH}`, less: LESS },
  { name: "--network host", flags: () => ["--network", "host"], high: `C07 L16 ${HIGH}`, less: "C02 L07 P21 V03" },
  { name: "the socket of docker under another name", flags: ({ socket }) => ["-v", `${socket}:/innocent`], critical: "P04", high: HIGH, less: LESS },
  { name: "seccomp=unconfined", flags: () => ["--security-opt", "seccomp=unconfined"], high: `K04 K12 Q04 ${HIGH}`, less: LESS },
  { name: "--cap-add SYS_ADMIN", flags: () => ["--cap-add", "SYS_ADMIN"], critical: "C06 P12", high: `C01 K04 K10 K12 ${HIGH}`, less: `K13 ${LESS}` },
  { name: "--cap-add ALL", flags: () => ["--cap-add", "ALL", ...runtime()], critical: "C05 C06 P12", high: `C01 C06 K04 K10 K12 K13 P01 ${HIGH}`, less: LESS },
  {
    name: "--privileged", flags: () => ["--privileged", ...runtime()],
    critical: "C05 C06 G05 P01 P02 P03 P09 P10 P12", high: `C01 C06 K04 K10 K12 L06 P11 P13 Q04 ${HIGH}`, less: LESS,
  },
  { name: "--read-only", flags: () => ["--read-only"], high: HIGH, less: "C02 L07 N01 N07 V03" },
  { name: "-v /:/host", flags: () => ["-v", "/:/host"], critical: "G05 G07 L04 P04 P05 P09 P10", high: `P11 P13 ${HIGH}`, less: `P07 ${LESS}` },
  { name: "with limits", flags: () => ["-m", "64m", "--pids-limit", "64"], high: "K09 S01", less: LESS },
  {
    name: "with all that docker can do for it", high: "K09",
    flags: () => ["-m", "64m", "--pids-limit", "64", "-u", "worker", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only"],
  },
];

function play(title: string, config: Readonly<Record<string, unknown>>, cases: readonly Case[]): void {
  describe(title, () => {
    let docker: Docker | undefined;
    beforeAll(async () => {
      if (!has(...PARTS)) return;
      docker = await Docker.start({ ...config, runtimes: { pidbox: { path: runtimePath("pidbox") }, lacking: { path: "/run/lacking" } } });
      writeFileSync(docker.world.path("/run/lacking"), LACKING, { mode: 0o755 });
    }, LIMIT);
    for (const one of cases) {
      needs(...PARTS)(one.name, async () => {
        if (docker === undefined) throw new Error("dockerd was not started");
        const box = new DockerBox(docker, `audited ${one.name}`, "runc");
        try {
          // Until the program runs, the first process is runc.
          await box.start(one.flags(docker), "echo up; exec sleep 1000");
          await box.says("up");
          await expectFindings(await box.inspect("{{.State.Pid}}"), one, docker.world);
        } finally {
          await box.close();
        }
      }, LIMIT);
    }
    afterAll(async () => {
      expect((await docker?.close()) ?? []).toEqual([]);
    }, LIMIT);
  });
}

play("audit of docker", {}, CASES);
play("audit of docker with user namespaces", { "userns-remap": "nobody:nogroup" }, [
  { name: "default", flags: () => [], high: "G01 G02 K09", less: "L07 N01 N07 P21 V03" },
  // Such a daemon mounts cgroups writable, for all its containers: only those with user namespaces cannot write there.
  { name: "--userns host", flags: () => ["--userns", "host"], high: `G05 ${HIGH}`, less: LESS },
]);
