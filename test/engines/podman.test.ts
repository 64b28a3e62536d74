/** Podman with runc and with pidbox-oci below it, as root and as a user. */
import { COMMON, ROOTFUL, ROOTLESS } from "./podman-life.ts";
import { podmanStage } from "./podman.ts";
import { play } from "./scenario.ts";

play("podman", podmanStage(), [...COMMON, ...ROOTFUL]);
play("podman without root", podmanStage(true), [...COMMON, ...ROOTLESS]);
