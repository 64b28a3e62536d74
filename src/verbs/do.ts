/** `do`: a command over a copy-on-write view of the host, behind the strict wall. */
import { launchExitCode, PidboxError } from "../base/error.ts";
import type { Rootfs } from "../plan/blueprint.ts";
import type { Mount } from "../spec/runtime-config.ts";
import { runContainer, userScene } from "./container-blueprint.ts";
import type { Draft, Scene } from "./container-blueprint.ts";
import { hostEnvironment } from "./container-config.ts";
import { bindMount, hostPath } from "./container-mounts.ts";
import { CONTAINER_EXIT_CODES, CONTAINER_OPTIONS } from "./container-options.ts";
import { assembledEntries, emptyMounts, EMPTY, hiddenPaths, separateFilesystems, splitHidden } from "./host-view.ts";
import type { Verb } from "./verb.ts";

/** An overlay over the host's root needs id-mapped layers, and so real root; else the root is put together from read-only binds. */
function chooseRoot(draft: Draft): Rootfs {
  const { facts } = draft.host;
  const possible = facts.privileged && (draft.mapping === undefined || facts.overlayIdmappedLayers) && !draft.degraded.includes("overlay");
  return possible ? { kind: "overlay", source: "/" } : { kind: "assembled", entries: assembledEntries() };
}

/** Paths of the host that were asked for: --show read-only, --rw writable, the working directory read-only unless it is writable already. */
function shownMounts(draft: Draft, rootfs: Rootfs): Mount[] {
  const { args, binds } = draft;
  const writable = args.values("rw").map((path) => hostPath(path, binds, "--rw"));
  const readonly = args.values("show").map((path) => hostPath(path, binds, "--show"));
  const mounts = [
    ...readonly.map((path) => bindMount(path, path.path, ["rbind", "rprivate", "ro"], binds, "--show")),
    ...writable.map((path) => bindMount(path, path.path, ["rbind", "rprivate"], binds, "--rw")),
  ];
  const here = hostPath(binds.cwd, binds, "working directory");
  const covered = [...writable, ...readonly].some((path) => here.path === path.path || here.path.startsWith(`${path.path}/`));
  const hidden = EMPTY.some(([tree]) => here.path === tree || here.path.startsWith(`${tree}/`));
  const own = here.path !== "/" && !covered && (hidden || rootfs.kind === "overlay") && !["/proc", "/sys", "/dev"].some((tree) => here.path === tree || here.path.startsWith(`${tree}/`));
  if (!own) return mounts;
  const idmap = binds.idmap ? ["idmap"] : [];
  return [{ destination: here.path, type: "bind", source: here.path, options: ["rbind", "rprivate", "ro", "nodev", "nosuid", ...idmap] }, ...mounts];
}

async function sceneOf(draft: Draft): Promise<Scene> {
  const { args, context } = draft;
  const command = args.operands;
  if (command.length === 0) throw new PidboxError("USAGE", "There is no command to run", { hint: "pidbox do CMD [ARG...]" });
  const rootfs = chooseRoot(draft);
  const user = await userScene(draft, "/");
  const shown = shownMounts(draft, rootfs);
  const separate: Mount[] = rootfs.kind !== "overlay" ? [] : separateFilesystems(draft.host.mounts).map((path) => ({
    destination: path, type: "bind", source: path, options: ["bind", "rprivate", "ro", "nodev", "nosuid", ...(draft.binds.idmap ? ["idmap"] : [])],
  }));
  if (rootfs.kind === "assembled" && draft.host.facts.privileged && !draft.degraded.includes("overlay")) {
    throw new PidboxError("HOST_UNSUPPORTED", "Cannot lay a copy-on-write view over the host's root: overlay takes no id-mapped layers here (Linux 5.19)", {
      hint: "Use read-only binds instead: --allow-degraded=overlay", context: { feature: "overlay" },
    });
  }
  const paths = shown.map((mount) => mount.destination);
  const hidden = hiddenPaths([...paths, ...user.mounts.map((mount) => mount.destination)], rootfs.kind === "overlay");
  const mountPoints = [...paths, ...separate.map((mount) => mount.destination)];
  const split = rootfs.kind === "overlay" ? splitHidden(hidden.filter((path) => !mountPoints.some((point) => path.startsWith(`${point}/`)))) : { absent: [], masked: hidden };
  const below = rootfs.kind === "overlay" ? hidden.filter((path) => mountPoints.some((point) => path.startsWith(`${point}/`))) : [];
  return {
    rootfs: rootfs.kind === "overlay" ? { ...rootfs, hidden: split.absent } : rootfs, command, identity: user.identity, environment: await (await import("./container-config.ts")).environmentOf(args, context, hostEnvironment(context, user.identity.home, user.identity.name)),
    cwd: args.value("workdir") ?? (paths.length === 0 ? "/" : (context.cwd === "/" ? "/" : context.cwd)),
    mounts: [...separate, ...emptyMounts(user.identity.home), ...shown], userMounts: user.mounts,
    hidden: [...split.masked, ...below],
    degraded: [],
  };
}

export const do_: Verb = {
  name: "do",
  summary: "Run a command over a copy-on-write view of this host, behind the whole wall",
  description:
    "The command sees the host's programs and libraries, but no homes, keys, sockets, other processes or network. What it writes goes to memory and is gone at the end. "
    + "The working directory is there, read-only, unless --rw gives it away. Root inside is an unprivileged user outside; there are no capabilities, and system calls pass a strict filter.\n\n"
    + "What would weaken the wall is refused, with the name of the override.",
  options: [...CONTAINER_OPTIONS, { name: "show", value: "PATH", repeat: true, help: "Show a hidden path of the host, read-only" }],
  operands: [{ name: "CMD", help: "The program, as a path or a name to look up in PATH", required: true }, { name: "ARG", help: "Its arguments", repeat: true }],
  stopsAtOperand: true,
  examples: [
    { command: "pidbox do sh -c 'id; ps; touch /etc/x'", text: "Look around inside" },
    { command: "pidbox do --rw . npm test", text: "Run tests that may write to the working directory only" },
    { command: "pidbox do --memory 256m --pids-limit 32 python3 untrusted.py", text: "Run code that is not trusted, with limits" },
  ],
  exitCodes: CONTAINER_EXIT_CODES,
  failureExit: launchExitCode,
  run: (args, context) => runContainer("do", args, context, sceneOf),
};
