/** Podman with runc and with pidbox-oci below it, as root and as a user. */
import { SETS } from "./sets.ts";

for (const set of SETS.podman) set.play();
