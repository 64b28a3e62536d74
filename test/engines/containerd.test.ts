/** containerd with runc and with pidbox-oci below it: by ctr, and by the interface of Kubernetes. */
import { SETS } from "./sets.ts";

for (const set of SETS.containerd) set.play();
