import { mountsOf } from "../binds.ts";
import type { ContainerCheck } from "../check.ts";
import { blocked, evidenceOf, finding, pass, saw, unknown } from "../check.ts";
import { hasHostUsers } from "../obstacles.ts";

const MOST_SHOWN = 50;

export const check: ContainerCheck = {
  scope: "container",
  id: "P20",
  name: "setuid-files",
  title: "Set-uid programs that work",
  severity: "medium",
  why:
    "A program that was broken into as another user becomes root by a set-uid file, or gains what a file capability gives, and root in a container meets fewer walls. " +
    "Where every thread has no_new_privs set, such files are files like any other. The directories that programs are usually in are looked at, once per image.",
  references: ["CIS Docker 4.8", "CIS Docker 5.26"],
  remedy: {
    text: "Set no_new_privs; remove the bits in the image",
    docker: "docker run --security-opt no-new-privileges",
    podman: "podman run --security-opt no-new-privileges",
    compose: "security_opt: ['no-new-privileges:true']",
    kubernetes: "securityContext:\n  allowPrivilegeEscalation: false",
    host: "# in the Dockerfile:\nRUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +",
  },
  evaluate(container, facts) {
    const { setuid, tasks } = container;
    const source = `/proc/${container.container.initPid ?? 0}/root`;
    if (typeof setuid === "number") return unknown("its programs could not be looked at", evidenceOf(source, setuid));
    const [first] = setuid;
    if (first === undefined) return pass("none in the usual directories", saw(source, "0 files"));
    const text = `${setuid.slice(0, 4).map(({ path }) => path).join(", ")}${setuid.length > 4 ? ` and ${setuid.length - 4} more` : ""}`;
    const evidence = setuid.slice(0, MOST_SHOWN).map(({ path, kind, uid }) => saw(source + path, `${kind}, owner ${uid}`));
    const root = mountsOf(container).findLast(({ mountPoint }) => mountPoint === "/");
    if (root?.options.includes("nosuid") === true) return blocked("mount nosuid", text, ...evidence);
    const free = tasks.find(({ status }) => status.noNewPrivileges !== true);
    if (free === undefined) return blocked("no_new_privs", text, ...evidence, saw("threads with NoNewPrivs: 1", tasks.length));
    const answer = finding(text, ...evidence, saw(`/proc/${free.pid}/status NoNewPrivs`, free.status.noNewPrivileges === undefined ? "not told" : "0"));
    return tasks.some((task) => hasHostUsers(task, container, facts)) ? answer : { ...answer, severity: "low" };
  },
};
