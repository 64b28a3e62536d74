/** containerd with runc and with pidbox-oci below it: by ctr, and by the interface of Kubernetes. */
import { containerdStage } from "./containerd.ts";
import { PODS } from "./containerd-pod.ts";
import { TASKS } from "./containerd-task.ts";
import { play } from "./scenario.ts";

play("containerd", containerdStage(), [...TASKS, ...PODS]);
