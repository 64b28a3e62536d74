/** Docker with runc and with pidbox-oci below it. */
import { dockerStage } from "./docker.ts";
import { FILES } from "./docker-files.ts";
import { LIMITS } from "./docker-limits.ts";
import { LIVES } from "./docker-life.ts";
import { NETWORKS } from "./docker-network.ts";
import { PROGRAMS } from "./docker-program.ts";
import { SECURITY } from "./docker-security.ts";
import { play } from "./scenario.ts";

play("docker", dockerStage(), [...PROGRAMS, ...LIVES, ...FILES, ...NETWORKS, ...LIMITS, ...SECURITY]);
