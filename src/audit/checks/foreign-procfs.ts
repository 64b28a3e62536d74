import { errnoName } from "../../kernel/abi/errno.ts";
import type { ContainerCheck } from "../check.ts";
import { finding, inapplicable, pass, saw } from "../check.ts";

const GONE = new Set([-2, -20]);

export const check: ContainerCheck = {
  scope: "container",
  id: "L04",
  name: "foreign-procfs",
  title: "A procfs in the container shows another PID namespace",
  severity: "critical",
  why: "It shows processes, arguments and environments of others, and through their root links the whole host's files, whatever PID namespace the container itself is in.",
  references: ["T1611"],
  remedy: {
    text: "Mount no procfs of the host",
    docker: "docker run   # without -v /proc:/host/proc",
    podman: "podman run   # without -v /proc:/host/proc",
    compose: "# remove from volumes:\n- /proc:/host/proc",
    kubernetes: "# remove the hostPath volume of /proc",
  },
  evaluate({ container, first, procfs, mounts }, { host }) {
    const own = first?.namespaces.pid;
    const source = `/proc/${container.initPid ?? 0}/mountinfo`;
    const places = [...procfs].filter(([, namespace]) => !GONE.has(namespace));
    if (typeof mounts === "number") return { verdict: "unknown", text: "its mount table could not be read", evidence: [saw(source, mounts)] };
    if (places.length === 0) return inapplicable("it has no procfs", saw(source, "no mount of type proc"));
    const foreign = places.filter(([, namespace]) => namespace >= 0 && own !== undefined && namespace !== own);
    // In a container that shares the host's PID namespace the host's procfs is its own: L01 says so.
    const answers = foreign.map(([place, namespace]) => {
      const whose = namespace === host.namespaces.pid ? "the host's processes" : `another container's processes`;
      return finding(`${place} shows ${whose}`, saw(`/proc/${container.initPid ?? 0}/root${place}/1/ns/pid`, `pid:[${namespace}]`));
    });
    if (answers.length > 0) return answers;
    const dark = places.find(([, namespace]) => namespace < 0);
    if (dark !== undefined) {
      return { verdict: "unknown", text: `whose processes ${dark[0]} shows could not be told`, evidence: [{ source: `/proc/${container.initPid ?? 0}/root${dark[0]}/1/ns/pid`, value: "", errno: errnoName(dark[1]) }] };
    }
    return pass("each shows its own processes", saw(source, places.map(([place]) => place).join(" ")));
  },
};
