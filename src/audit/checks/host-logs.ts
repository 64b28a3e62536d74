import { bindsOf, cannotJudge, mountSource } from "../binds.ts";
import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw } from "../check.ts";
import { isReadOnly, mountText, under } from "../mount-tree.ts";

const LOGS = ["/var/log", "/var/log/pods", "/var/log/containers"];

export const check: ContainerCheck = {
  scope: "container",
  id: "P06",
  name: "host-logs",
  title: "The host's logs are mounted",
  severity: "high",
  why:
    "Where a kubelet serves /var/log, a container that writes there puts a link to any file of the host in place of a log, and the kubelet reads it as root. " +
    "Read-only, it still shows what every service of the host said.",
  references: ["PSS baseline (hostPath)", "T1552"],
  remedy: {
    text: "Collect logs through the engine's logging driver or the API, or mount the one log directory read-only",
    docker: "docker run --log-driver journald   # instead of -v /var/log:...",
    compose: "# remove from volumes:\n- /var/log:/var/log",
    kubernetes: "# instead of hostPath /var/log\nvolumeMounts:\n- name: logs\n  mountPath: /var/log/APP\n  readOnly: true",
  },
  evaluate(container, facts) {
    const source = mountSource(container);
    const cannot = cannotJudge(container, facts);
    if (cannot !== undefined) return cannot;
    const found = bindsOf(container, facts.host).flatMap(({ mount, paths }) => {
      const host = paths.find((path) => path !== "/" && LOGS.some((log) => under(log, path)));
      return host === undefined ? [] : [{ mount, host }];
    });
    const [worst] = found.toSorted((a, b) => Number(isReadOnly(a.mount)) - Number(isReadOnly(b.mount)));
    if (worst === undefined) return pass("none");
    const { mount, host } = worst;
    const answer = finding(`${host} of the host on ${mount.mountPoint}, ${isReadOnly(mount) ? "read-only" : "writable"}`, saw(source, mountText(mount)));
    return isReadOnly(mount) ? { ...answer, severity: "medium" } : answer;
  },
};
