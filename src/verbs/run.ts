/** `run`: a command in a root filesystem of its own. */
import { launchExitCode, PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import type { Rootfs } from "../plan/blueprint.ts";
import { runContainer, userScene } from "./container-blueprint.ts";
import type { Draft, Scene } from "./container-blueprint.ts";
import { environmentOf, imageEnvironment } from "./container-config.ts";
import { hostPath } from "./container-mounts.ts";
import { CONTAINER_EXIT_CODES, CONTAINER_OPTIONS, KEEP_OPTIONS } from "./container-options.ts";
import { isSensitiveSource } from "./refusals.ts";
import type { Verb } from "./verb.ts";

/** The directory of a `dir:PATH` reference. Throws USAGE, NOT_FOUND, REFUSED_UNSAFE for one that is control over the host. */
function rootDirectory(reference: string, draft: Draft): string {
  const path = reference.startsWith("dir:") ? reference.slice(4) : "";
  if (path === "") throw new PidboxError("USAGE", `Cannot use ${quote(reference, 120)} as image: only dir:DIRECTORY is known`, { hint: "pidbox run dir:./rootfs CMD" });
  const found = hostPath(path, draft.binds, "dir:");
  if (!found.directory) throw new PidboxError("USAGE", `Cannot use ${quote(path)} as root filesystem: it is not a directory`);
  const writable = draft.args.values("rw").length > 0;
  // A root filesystem is a bind mount of it all.
  if (isSensitiveSource(found.path, !writable)) draft.overrides.need("mount", `dir:${found.path}${writable ? " with --rw /" : ""}`);
  return found.path;
}

function chooseRoot(draft: Draft, source: string): Rootfs {
  const { facts } = draft.host;
  const rw = draft.args.values("rw");
  const wrong = rw.find((path) => path !== "/");
  if (wrong !== undefined) throw new PidboxError("USAGE", `Cannot use --rw ${quote(wrong, 60)} here`, { hint: "Use -v SRC:DST for a path of the host; --rw / writes to the root directory itself", context: { from: "--rw" } });
  if (rw.length > 0) return { kind: "bind", source };
  const possible = facts.privileged
    ? draft.mapping === undefined || facts.overlayIdmappedLayers || draft.degraded.includes("idmap")
    : facts.overlayInUserNamespace;
  if (possible) return { kind: "overlay", source };
  throw new PidboxError("HOST_UNSUPPORTED", "Cannot lay a writable layer over the root filesystem: overlay takes no id-mapped layers here (Linux 5.19)", {
    hint: "Write to the directory itself: --rw /", context: { feature: "overlay" },
  });
}

export async function sceneOf(draft: Draft): Promise<Scene> {
  const { args, context } = draft;
  const [reference, ...command] = args.operands;
  const source = rootDirectory(reference ?? "", draft);
  const user = await userScene(draft, source);
  const base = imageEnvironment(draft.hostname, user.identity.home, draft.stdio.kind === "terminal");
  return {
    rootfs: chooseRoot(draft, source), command: command.length === 0 ? ["/bin/sh"] : command, identity: user.identity,
    environment: await environmentOf(args, context, base), cwd: args.value("workdir") ?? "/", mounts: [], userMounts: user.mounts,
    hidden: [], degraded: [],
  };
}

export const run: Verb = {
  name: "run",
  summary: "Run a command in a root filesystem of its own",
  description:
    "The root filesystem is a directory (dir:PATH). It is never written: with --rm changes go to memory and are gone at the end; without, they are kept on disk for the next "
    + "pidbox start, until pidbox rm or the next boot, after which pidbox gc takes them away. --rw / writes to the directory itself. "
    + "All eight namespaces are new, files are id-mapped, capabilities are few and inside a user namespace, and there is no network.\n\n"
    + "-p lets the host reach a TCP port of the container, which itself reaches nothing outside: at 127.0.0.1, and at others of the host's addresses only if one is named (0.0.0.0 or [::] "
    + "is all of them; docker takes these where none is). Without a port of the host, or with 0, the kernel chooses one at each start, which pidbox port shows; restarts by policy keep it. Both may be ranges of one length. "
    + "A container publishes at most 128 ports; 256 connections go on at once, and others wait. Clients come from 127.0.0.1, as the program sees it.\n\n"
    + "What would weaken the wall is refused, with the name of the override.",
  options: [{ name: "detach", short: "d", help: "Run in the background and print the container's id" }, ...CONTAINER_OPTIONS, ...KEEP_OPTIONS],
  operands: [{ name: "IMAGE", help: "dir:DIRECTORY, a root filesystem", required: true }, { name: "CMD", help: "The program; /bin/sh if none is given" }, { name: "ARG", help: "Its arguments", repeat: true }],
  stopsAtOperand: true,
  examples: [
    { command: "pidbox run --rm -it dir:./rootfs sh", text: "A shell in a root filesystem" },
    { command: "pidbox run -d --name web -p 8080:80 dir:./rootfs /bin/server", text: "A service that this host reaches at 127.0.0.1:8080" },
    { command: "pidbox run --rm --memory 64m --read-only -v ./data:/data:ro dir:./rootfs /bin/worker", text: "Limits, a read-only root and a directory of the host" },
  ],
  exitCodes: CONTAINER_EXIT_CODES,
  failureExit: launchExitCode,
  run: (args, context) => runContainer("run", args, context, sceneOf, args.flag("detach") ? "background" : "foreground"),
};
