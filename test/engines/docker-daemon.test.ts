/** Docker with daemons of special configurations: pidbox-oci as the default runtime, user namespaces. */
import { DEFAULTS, REMAPPED } from "./docker-daemon.ts";
import { dockerStage } from "./docker.ts";
import { play } from "./scenario.ts";

play("docker, default runtime", dockerStage({ each: (runtime) => ({ "default-runtime": runtime, "live-restore": true }) }), DEFAULTS);
play("docker, user namespaces", dockerStage({ config: { "userns-remap": "nobody:nogroup" } }), REMAPPED);
