/** The verbs of pidbox-oci for containers that live, on cgroup v2 alone. */
import type { Config, Linux } from "../../src/spec/runtime-config.ts";
import { configOf } from "../oci/scene.ts";
import type { Check } from "./checks.ts";

const OCI = "pidbox oci --root /run/oci-verbs";
let count = 0;

/** Makes a container and starts it, then does `then` with its id in `$id` and its cgroup in `$cgroup`, and deletes it. */
function living(script: string, then: string, linux: Partial<Linux> = {}): string {
  const config: Config = { ...configOf(script, { linux }), root: { path: "/var/rootfs" } };
  const id = `verbs${++count}`;
  return `id=${id}; cgroup=/sys/fs/cgroup/pidbox/$id; mkdir -p /tmp/$id; cat >/tmp/$id/config.json <<'END'
${JSON.stringify(config)}
END
${OCI} create --bundle /tmp/$id $id && ${OCI} start $id || exit 9
${then}
${OCI} delete --force $id; echo deleted $?; test ! -e $cgroup`;
}

const status = `${OCI} state $id | grep -o '"status": "[a-z]*"'`;

export const OCI_VERB_CHECKS: Readonly<Record<string, Check>> = {
  "pause stops all processes, resume lets them go on": {
    script: living("while :; do :; done", [
      `${OCI} pause $id`, status, "grep frozen $cgroup/cgroup.events", `${OCI} pause $id`, `${OCI} resume $id`, status, "grep frozen $cgroup/cgroup.events",
    ].join("\n")),
    out: '"status": "paused"\nfrozen 1\n"status": "running"\nfrozen 0\ndeleted 0\n', err: /container not running/,
  },
  "what is paused can be deleted": { script: living("sleep 1000 & sleep 1000 & wait", `${OCI} pause $id; ${status}`), out: '"status": "paused"\ndeleted 0\n' },
  "kill --all reaches who has no PID namespace of the container's own": {
    script: living("sleep 1000 & sleep 1000 & wait", [
      "until test $(wc -l <$cgroup/cgroup.procs) = 3; do :; done", `${OCI} ps --format json $id | tr , '\\n' | wc -l`, `${OCI} kill --all $id KILL`,
      "until test $(wc -l <$cgroup/cgroup.procs) = 0; do :; done", status,
    ].join("\n"), { namespaces: [{ type: "mount" }, { type: "uts" }, { type: "cgroup" }] }),
    out: '3\n"status": "stopped"\ndeleted 0\n',
  },
  "update writes the files of v2": {
    script: living("sleep 1000", `${OCI} update --memory 50M --pids-limit 30 --cpu-share 512 $id; cat $cgroup/memory.max $cgroup/pids.max $cgroup/cpu.weight`, {
      resources: { memory: { limit: 64 << 20 }, pids: { limit: 20 }, cpu: { shares: 1024 } },
    }),
    out: "52428800\n30\n59\ndeleted 0\n",
  },
  "events has the counters of v2": {
    script: living("sleep 1000", `${OCI} events --stats $id | grep -o '"limit":67108864\\|"current":1,"limit":20\\|"type":"stats"'`, {
      resources: { memory: { limit: 64 << 20 }, pids: { limit: 20 } },
    }),
    out: '"type":"stats"\n"limit":67108864\n"current":1,"limit":20\ndeleted 0\n',
  },
  "events says when the kernel kills for want of memory": {
    script: living("while :; do dd if=/dev/zero of=/dev/null bs=64M count=1; done", `timeout 60 ${OCI} events --interval 1h $id | head -n 2`, {
      resources: { memory: { limit: 16 << 20, swap: 16 << 20 } },
    }),
    out: /^\{"type":"oom","id":"verbs\d+"\}\n\{"type":"oom","id":"verbs\d+"\}\ndeleted 0\n$/, err: /^/,
  },
};
