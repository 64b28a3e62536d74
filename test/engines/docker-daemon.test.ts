/** Docker with daemons of special configurations: pidbox-oci as the default runtime, user namespaces. */
import { SETS } from "./sets.ts";

for (const set of SETS["docker-daemon"]) set.play();
