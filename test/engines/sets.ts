/** The sets of scenarios, by the test file that plays them. */
import { PODS } from "./containerd-pod.ts";
import { TASKS } from "./containerd-task.ts";
import { containerdStage } from "./containerd.ts";
import { DEFAULTS, REMAPPED } from "./docker-daemon.ts";
import { FILES } from "./docker-files.ts";
import { LIVES } from "./docker-life.ts";
import { LIMITS } from "./docker-limits.ts";
import { NETWORKS } from "./docker-network.ts";
import { PROGRAMS } from "./docker-program.ts";
import { SECURITY } from "./docker-security.ts";
import { dockerStage } from "./docker.ts";
import { COMMON, LIMITED, ROOTFUL, ROOTLESS } from "./podman-life.ts";
import { podmanStage } from "./podman.ts";
import { scenarioSet } from "./scenario.ts";
import { CONTAINERD_ON_SYSTEMD, DOCKER_ON_SYSTEMD, PODMAN_ON_SYSTEMD, PROFILED } from "./systemd.ts";

export const SETS = {
  docker: [scenarioSet("docker", dockerStage(), [...PROGRAMS, ...LIVES, ...FILES, ...NETWORKS, ...LIMITS, ...SECURITY, ...DOCKER_ON_SYSTEMD])],
  "docker-daemon": [
    scenarioSet("docker, default runtime", dockerStage({ each: (runtime) => ({ "default-runtime": runtime, "live-restore": true }) }), DEFAULTS),
    scenarioSet("docker, user namespaces", dockerStage({ config: { "userns-remap": "nobody:nogroup" } }), REMAPPED),
  ],
  containerd: [scenarioSet("containerd", containerdStage(), [...TASKS, ...PODS, ...CONTAINERD_ON_SYSTEMD])],
  podman: [
    scenarioSet("podman", podmanStage(), [...COMMON, ...LIMITED, ...ROOTFUL, ...PODMAN_ON_SYSTEMD, ...PROFILED]),
    scenarioSet("podman without root", podmanStage(true), [
      ...COMMON, ...LIMITED.map((one) => ({ ...one, driver: "systemd" as const })), ...ROOTLESS, ...PODMAN_ON_SYSTEMD,
    ]),
  ],
} as const;
