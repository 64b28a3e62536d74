import type { Answer, Severity } from "../../report/finding.ts";
import { type Bind, bindsOf, cannotJudge, mountSource } from "../binds.ts";
import type { ContainerCheck } from "../check.ts";
import { finding, pass, saw } from "../check.ts";
import { type SensitivePath, sensitivePath } from "../host-paths.ts";
import { isReadOnly, mountText, under } from "../mount-tree.ts";
import { hasHostUsers } from "../obstacles.ts";

interface Hit extends SensitivePath {
  readonly bind: Bind;
  readonly host: string;
}

function hitOf(bind: Bind): Hit | undefined {
  for (const host of bind.paths) {
    const sensitive = sensitivePath(host);
    if (sensitive !== undefined) return { ...sensitive, bind, host };
  }
  return undefined;
}

/** By access, and whether somebody in the container has the host's users. */
const SEVERITIES: Readonly<Record<"rw" | "ro", Readonly<Record<"host" | "own", Severity>>>> = {
  rw: { host: "critical", own: "high" }, ro: { host: "high", own: "medium" },
};

/** More than these tell nobody more, and somebody could make 100,000 of them. */
const MOST_HITS = 200;

export const check: ContainerCheck = {
  scope: "container",
  id: "P05",
  name: "host-bind",
  title: "A sensitive part of the host is mounted",
  severity: "critical",
  why:
    "Writing to the host's configuration, programs or engine storage is root on the host at the next login, job or reboot; reading them gives away keys and password hashes. " +
    "Mounts are followed through the host's own mount table by device and directory, so a bind of a bind and another name on either side are found as well.",
  references: ["CIS Docker 5.6", "PSS baseline (hostPath)", "T1611"],
  remedy: {
    text: "Mount the one directory that is needed, read-only if it is only read, or use a named volume",
    docker: "docker run -v NAME:/data   # or -v /srv/app/data:/data:ro",
    podman: "podman run -v NAME:/data   # or -v /srv/app/data:/data:ro",
    compose: "volumes: ['NAME:/data']",
    kubernetes: "# instead of hostPath\nvolumes:\n- name: data\n  persistentVolumeClaim:\n    claimName: NAME",
  },
  evaluate(container, facts): Answer | readonly Answer[] {
    const source = mountSource(container);
    const cannot = cannotJudge(container, facts);
    if (cannot !== undefined) return cannot;
    const binds = bindsOf(container, facts.host);
    const hits = binds.map(hitOf).filter((hit) => hit !== undefined).slice(0, MOST_HITS);
    // What came with the tree of another one is said by that one.
    const tops = hits.filter(({ bind: { mount } }) => !hits.some(({ bind: { mount: above } }) => {
      return above.mountPoint !== mount.mountPoint && under(mount.mountPoint, above.mountPoint);
    }));
    const users = container.tasks.some((task) => hasHostUsers(task, container, facts)) ? "host" : "own";
    const answers = tops.map(({ bind: { mount }, host, why }): Answer => {
      const access = isReadOnly(mount) ? "ro" : "rw";
      const text = `${host} of the host (${why}) on ${mount.mountPoint}, ${access === "ro" ? "read-only" : "writable"}`;
      return { ...finding(text, saw(source, mountText(mount))), severity: SEVERITIES[access][users] };
    });
    return answers.length > 0 ? answers : pass("none", saw(source, `${binds.length} mounts lead to files of the host`));
  },
};
