/** What a container could leave on the host: state, cgroups, mounts, processes. Containers of others, with state and a living supervisor, are not counted. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

const STATE = "/run/pidbox";

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** State of root's containers that tests of this process started: its record names the scene, as the root filesystem or the working directory. */
function state(scene: string): string[] {
  const ids = entries(`${STATE}/containers`).filter((id) => text(`${STATE}/containers/${id}/state.json`).includes(scene));
  const links = (folder: string): string[] =>
    entries(`${STATE}/${folder}`)
      .filter((name) => !existsSync(`${STATE}/containers/${linkTarget(`${STATE}/${folder}/${name}`)}`))
      .map((name) => `${folder}/${name}`);
  return [...ids.map((id) => `state of ${id}`), ...links("names"), ...links("ids")];
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** A cgroup of pidbox whose container has no record any more. */
function cgroups(): string[] {
  const own = text("/proc/self/cgroup")
    .trim()
    .split("\n")
    .map((line) => line.split(":").slice(1));
  const trees = own.flatMap(([controllers = "", path = ""]) => [
    `/sys/fs/cgroup/${controllers}${path}/pidbox`,
    `/sys/fs/cgroup/${controllers}/pidbox`,
    `/sys/fs/cgroup${path}/pidbox`,
  ]);
  const ids = [...new Set(trees.map((tree) => tree.replace(/\/+/g, "/")))].flatMap((tree) =>
    entries(tree)
      .filter((id) => /^[0-9a-f]{64}$/.test(id))
      .map((id) => ({ tree, id })),
  );
  return ids.filter(({ id }) => !existsSync(`${STATE}/containers/${id}`)).map(({ tree, id }) => `cgroup ${tree}/${id}`);
}

function mounts(scene: string): string[] {
  return text("/proc/self/mountinfo").split("\n").filter((line) => line.includes(scene));
}

/** Whether a process is the supervisor of a container that another scene started, whose record is there. */
function isOfOthers(pid: string, scene: string): boolean {
  const status = entries(`/proc/${pid}/fd`).map((fd) => linkTarget(`/proc/${pid}/fd/${fd}`)).find((path) => /\/containers\/[0-9a-f]{64}\/status$/.test(path));
  const record = status === undefined ? "" : text(status.replace(/status$/, "state.json"));
  return record !== "" && !record.includes(scene);
}

/** Processes of the unprivileged user, and parts of pidbox that nobody waits for. */
function processes(scene: string, uid: number): string[] {
  return entries("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    const status = text(`/proc/${pid}/status`);
    const name = /^Name:\t(.*)$/m.exec(status)?.[1] ?? "";
    // A zombie is nothing but an exit status that the host's init has not fetched yet.
    if (/^State:\tZ/m.test(status)) return [];
    const orphan = name.startsWith("pidbox") && /^PPid:\t1$/m.test(status) && !isOfOthers(pid, scene);
    return orphan || new RegExp(`^Uid:\t${uid}\t`, "m").test(status) ? [`process ${pid} ${name}`] : [];
  });
}

/** Layers, logs and notes of their owners, of containers that have no record any more. */
function data(root: string, containers: string): string[] {
  return ["layers", "logs", "owners"].flatMap((folder) => entries(`${root}/${folder}`).filter((id) => !existsSync(`${containers}/${id}`)).map((id) => `${folder} of ${id}`));
}

function runtime(scene: string): string[] {
  return ["containers", "names", "ids"].flatMap((folder) => entries(`${scene}/runtime/pidbox/${folder}`).map((name) => `runtime/${folder}/${name}`));
}

/** One line for each thing that is there now. */
export function readLeftovers(scene: string, uid: number): string[] {
  return [...state(scene), ...cgroups(), ...mounts(scene), ...processes(scene, uid), ...runtime(scene), ...data("/var/lib/pidbox", `${STATE}/containers`),
    ...data(`${scene}/data/pidbox`, `${scene}/runtime/pidbox/containers`)];
}
