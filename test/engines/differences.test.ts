/** What is listed about scenarios is about scenarios that exist. */
import { expect, test } from "bun:test";
import { PODS } from "./containerd-pod.ts";
import { TASKS } from "./containerd-task.ts";
import { DIFFERENCES, FORMS, type Engine } from "./differences.ts";
import { DEFAULTS, REMAPPED } from "./docker-daemon.ts";
import { FILES } from "./docker-files.ts";
import { LIVES } from "./docker-life.ts";
import { LIMITS } from "./docker-limits.ts";
import { NETWORKS } from "./docker-network.ts";
import { PROGRAMS } from "./docker-program.ts";
import { SECURITY } from "./docker-security.ts";
import { COMMON, ROOTFUL, ROOTLESS } from "./podman-life.ts";

const SCENARIOS: Readonly<Record<Engine, readonly { readonly name: string }[]>> = {
  docker: [...PROGRAMS, ...LIVES, ...FILES, ...NETWORKS, ...LIMITS, ...SECURITY, ...DEFAULTS, ...REMAPPED], containerd: [...TASKS, ...PODS],
  podman: [...COMMON, ...ROOTFUL], "podman without root": [...COMMON, ...ROOTLESS],
};
const SETS = [...Object.keys(SCENARIOS), "docker, default runtime", "docker, user namespaces"];

test("no two scenarios of an engine have one name", () => {
  for (const [engine, scenarios] of Object.entries(SCENARIOS)) {
    const names = scenarios.map(({ name }) => name);
    expect([engine, names.filter((name, i) => names.indexOf(name) < i)]).toEqual([engine, []]);
  }
});

test("each difference is of a scenario, and each form of sets, that there are", () => {
  expect(DIFFERENCES.filter(({ engine, scenario }) => !SCENARIOS[engine].some(({ name }) => name === scenario)).map(({ scenario }) => scenario)).toEqual([]);
  expect(FORMS.flatMap(({ sets }) => sets).filter((set) => !SETS.includes(set))).toEqual([]);
  const whats = FORMS.map(({ what }) => what);
  expect(whats.filter((what, i) => whats.indexOf(what) < i)).toEqual([]);
});
