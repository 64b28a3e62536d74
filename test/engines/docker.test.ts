/** Docker with runc and with pidbox-oci below it. */
import { SETS } from "./sets.ts";

for (const set of SETS.docker) set.play();
