/** `do`: a command over a copy-on-write view of the host, behind the strict wall. */
import { launchExitCode, PidboxError } from "../base/error.ts";
import { isIdmappable } from "../kernel/idmap.ts";
import type { Rootfs } from "../plan/blueprint.ts";
import type { Mount } from "../spec/runtime-config.ts";
import { runContainer, userScene } from "./container-blueprint.ts";
import type { Draft, Scene } from "./container-blueprint.ts";
import { environmentOf, hostEnvironment } from "./container-config.ts";
import { bindMount, hostPath } from "./container-mounts.ts";
import { CONTAINER_EXIT_CODES, CONTAINER_OPTIONS } from "./container-options.ts";
import { assembledEntries, emptyMounts, EMPTY, hiddenPaths, homeElsewhere, isHiddenPlace, separateFilesystems, splitHidden } from "./host-view.ts";
import { isSensitiveSource } from "./refusals.ts";
import type { Verb } from "./verb.ts";

/** An overlay over the host's root needs id-mapped layers, and so real root; rootless the root is put together from read-only binds. */
function chooseRoot(draft: Draft): Rootfs {
  const { facts } = draft.host;
  if (!facts.privileged || draft.degraded.includes("overlay")) return { kind: "assembled", entries: assembledEntries() };
  if (draft.mapping === undefined || facts.overlayIdmappedLayers) return { kind: "overlay", source: "/" };
  throw new PidboxError("HOST_UNSUPPORTED", "Cannot lay a copy-on-write view over the host's root: overlay takes no id-mapped layers here (Linux 5.19)", {
    hint: "Use read-only binds instead: --allow-degraded=overlay", context: { feature: "overlay" },
  });
}

function below(path: string, tree: string): boolean {
  return path === tree || path.startsWith(`${tree}/`);
}

/** Paths of the host that were asked for: --show read-only, --rw writable. */
function shownMounts(draft: Draft): Mount[] {
  const { args, binds } = draft;
  return [
    ...args
      .values("show")
      .map((path) => hostPath(path, binds, "--show"))
      .map((path) => bindMount(path, path.path, ["rbind", "rprivate", "ro"], binds, "--show")),
    ...args
      .values("rw")
      .map((path) => hostPath(path, binds, "--rw"))
      .map((path) => bindMount(path, path.path, ["rbind", "rprivate"], binds, "--rw")),
  ];
}

/**
 * The working directory, read-only, unless it is shown already. Being in a place is no request to show it where that gives control (/run with its sockets),
 * secrets (/etc/ssh) or everybody's files (/home, /tmp): then the program starts in the empty directory of that name.
 */
function directoryMount(draft: Draft, rootfs: Rootfs, home: string | undefined, shown: readonly Mount[]): Mount[] {
  const { binds } = draft;
  const { path } = hostPath(binds.cwd, binds, "working directory");
  if (path === "/" || isHiddenPlace(path) || isSensitiveSource(path, true) || shown.some((mount) => below(path, mount.destination))) return [];
  // An assembled root has it in any case, unless it lies in one of the emptied directories.
  if (rootfs.kind !== "overlay" && !EMPTY.some(([tree]) => below(path, tree)) && !(home !== undefined && below(path, home))) return [];
  // What is mounted below it was not asked for, and may be of a kind that cannot be id-mapped; rootless the kernel copies only whole trees.
  const options = [draft.host.facts.privileged ? "bind" : "rbind", "rprivate", "ro", "nodev", "nosuid", ...(binds.idmap ? ["idmap"] : [])];
  return [{ destination: path, type: "bind", source: path, options }];
}

/**
 * A separate /usr or /var: an overlay of the root does not reach into it, so it is bound read-only. Where its filesystem cannot be id-mapped its files are
 * nobody's inside: what everyone may read can be read, as in the snaps of an Ubuntu on an older kernel.
 */
function separateMounts({ binds, host: { facts, mounts } }: Draft): Mount[] {
  return separateFilesystems(mounts).map(({ mountPoint, type }) => ({
    destination: mountPoint, type: "bind", source: mountPoint,
    options: ["bind", "rprivate", "ro", "nodev", "nosuid", ...(binds.idmap && isIdmappable(type, facts.kernel) ? ["idmap"] : [])],
  }));
}

/** Paths to hide: left out of the overlay where that can be, masked where they lie on a mount. */
function hide(rootfs: Rootfs, home: string | undefined, mounts: readonly Mount[], own: readonly Mount[]): { rootfs: Rootfs; masked: string[] } {
  const hidden = hiddenPaths(mounts.map((mount) => mount.destination), rootfs.kind === "overlay", home);
  if (rootfs.kind !== "overlay") return { rootfs, masked: hidden };
  const onMount = (path: string): boolean => own.some((mount) => path.startsWith(`${mount.destination}/`));
  const { absent, masked } = splitHidden(hidden.filter((path) => !onMount(path)));
  return { rootfs: { ...rootfs, hidden: absent }, masked: [...masked, ...hidden.filter(onMount)] };
}

async function sceneOf(draft: Draft): Promise<Scene> {
  const { args, context } = draft;
  const command = args.operands;
  if (command.length === 0) throw new PidboxError("USAGE", "There is no command to run", { hint: "pidbox do CMD [ARG...]" });
  const rootfs = chooseRoot(draft);
  const { identity, mounts: userMounts } = await userScene(draft, "/");
  const separate = rootfs.kind === "overlay" ? separateMounts(draft) : [];
  const asked = shownMounts(draft);
  const home = homeElsewhere(context.environment["HOME"]);
  const shown = [...directoryMount(draft, rootfs, home, asked), ...asked];
  const { rootfs: root, masked } = hide(rootfs, home, [...shown, ...userMounts], [...shown, ...separate]);
  return {
    rootfs: root, command, identity, userMounts, hidden: masked, degraded: [],
    environment: await environmentOf(args, context, hostEnvironment(context, identity.home, identity.name)),
    cwd: args.value("workdir") ?? context.cwd, mounts: [...separate, ...emptyMounts(identity.home, home), ...shown],
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
