import { expect, test } from "bun:test";
import { container, containerFacts, DOCKER_CAPABILITIES, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import { capabilityNames } from "../../kernel/abi/capabilities.ts";
import type { Config } from "../../spec/runtime-config.ts";
import type { ContainerFacts } from "../facts.ts";
import { check } from "./declared-drift.ts";

const CONFIG: Config = {
  ociVersion: "1.2.0", root: { path: "rootfs", readonly: false },
  process: {
    cwd: "/", args: ["sleep"], noNewPrivileges: false, apparmorProfile: "docker-default", capabilities: { bounding: capabilityNames(DOCKER_CAPABILITIES) },
  },
  linux: { namespaces: [{ type: "pid" }, { type: "mount" }, { type: "network", path: "/run/netns/x" }], seccomp: { defaultAction: "SCMP_ACT_ERRNO" } },
};
const declaring = (config: Config | number, changes: Parameters<typeof containerFacts>[0] = {}): string[] =>
  told(check, { container: containerFacts({ declared: { source: "/b/config.json", config }, ...changes }) });

test("what is as declared passes", () => {
  expect(declaring(CONFIG)).toEqual(["pass: namespaces, capabilities, filter, label, limits and root are as declared"]);
  expect(told(check)).toEqual(["not-applicable: no engine's declaration of it was found"]);
  expect(declaring(-13)).toEqual(["unknown: the declaration could not be read"]);
});

test("each difference is told", () => {
  const capabilities = { ...status().capabilities, bounding: DOCKER_CAPABILITIES | (1n << 21n) };
  const weak = task({ label: "unconfined", status: status({ seccomp: 0, capabilities }) });
  const changes: Partial<ContainerFacts> & { task: typeof weak } = { task: weak, container: container({ sharedWithHost: ["pid"] }) };
  expect(declaring({ ...CONFIG, root: { path: "rootfs", readonly: true }, linux: { ...CONFIG.linux, resources: { pids: { limit: 100 } } } }, changes)).toEqual([
    "finding: a new pid namespace was declared, and it has the host's", "finding: not declared: CAP_SYS_ADMIN", "finding: a seccomp filter was declared, and there is none",
    "finding: the AppArmor profile docker-default was declared, and it has unconfined", "finding: the limit of processes was declared as 100, and is Infinity",
    "finding: a read-only root was declared, and it can be written",
  ]);
});

test("a lower limit above the container is no drift", () => {
  const limited = { cgroups: new Map([["unified", "/c/x"]]), cgroupFiles: new Map([["/c/x/memory.max", "1000"]]) };
  expect(declaring({ ...CONFIG, linux: { ...CONFIG.linux, resources: { memory: { limit: 2000 } } } }, limited)[0]).toStartWith("pass: ");
});
