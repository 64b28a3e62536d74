/** `start`: containers that were made, or have ended, go on in the background. */
import { EXIT, PidboxError } from "../base/error.ts";
import { clientPair } from "../engine/client-socket.ts";
import { subjectOf, tell } from "../engine/journal.ts";
import { settleLost } from "../engine/lost.ts";
import { TTY } from "../kernel/abi/constants.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { close } from "../kernel/file.ts";
import { chargeOf } from "./container-kept.ts";
import { startStored } from "./container-revive.ts";
import type { Beside } from "./container-revive.ts";
import { keysOf, visit, VISIT_OPTIONS } from "./container-visit.ts";
import { eachContainer } from "./each-container.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { FoundContainer } from "./stored-containers.ts";
import type { Arguments, Context, Outcome, Verb } from "./verb.ts";

/** Starts a container that does not run. Throws what its parts throw. */
async function startFound(root: string, found: FoundContainer, context: Context, client?: Pick<Beside, "client" | "window">): Promise<void> {
  const { directory, name, life } = found;
  if (life === "lost") settleLost(directory, Date.now());
  const charge = chargeOf(directory, name);
  const code = await startStored(directory, { root, executable: context.executable }, charge, { announce: "", ...client });
  // The launcher has said why.
  if (code !== 0) throw new PidboxError("LAUNCH_FAILED", `Cannot start ${name}`, { hint: "The line above says why" });
}

/** Starts one container unless it runs. Throws what its parts throw. */
export async function startOne(reference: string, context: Context): Promise<void> {
  const root = stateRootOf(context);
  const found = containerOf(root, reference);
  if (found.life !== "running" && found.life !== "restarting") await startFound(root, found, context);
}

/** The caller's window, for a container with a terminal. */
function windowOf({ state }: FoundContainer): Beside["window"] {
  // struct winsize: u16 rows, columns, and two of pixels
  const size = new Uint16Array(4);
  if (state.blueprint.stdio.kind !== "terminal" || syscall(SYSCALLS.ioctl, 1, TTY.GWINSZ, address(size)) < 0) return undefined;
  return { height: size[0] ?? 0, width: size[1] ?? 0 };
}

/** Starts a container and is its client from the first byte on. Does not return when it runs. */
async function startAttached(args: Arguments, context: Context): Promise<Outcome> {
  keysOf(args);
  const [reference = "", another] = args.operands;
  if (another !== undefined) throw new PidboxError("USAGE", "Cannot attach to several containers at once", { context: { from: "--attach" } });
  const root = stateRootOf(context);
  const found = containerOf(root, reference);
  if (found.life === "running" || found.life === "restarting") throw new PidboxError("CONFLICT", `The container ${found.name} runs already`, { hint: `pidbox attach ${found.name}` });
  const [theirs, ours] = clientPair();
  const window = windowOf(found);
  await startFound(root, found, context, { client: theirs, ...(window === undefined ? {} : { window }) });
  close(theirs);
  tell(root, subjectOf(found.state), ["attach"]);
  return visit({ directory: found.directory, state: found.state, socket: ours, input: args.flag("interactive") }, args, context);
}

export const start: Verb = {
  name: "start",
  summary: "Start containers that were made or have ended",
  description:
    "They run in the background, with the flags that they were made with and the changes that they have made to their root filesystem. One that runs is left alone.\n\n"
    + "With -a or -i the caller sees what the program writes from its first byte on, and the exit code is the program's; should the caller go, the container stays.",
  options: [
    { name: "attach", short: "a", help: "Show what it writes, and wait for its end" },
    { name: "interactive", short: "i", help: "Give it the caller's input, if it was made with -i; includes -a" },
    ...VISIT_OPTIONS,
  ],
  operands: [{ name: "CONTAINER", help: "Name or id", required: true, repeat: true }],
  examples: [
    { command: "pidbox start web", text: "Start it" },
    { command: "pidbox start -ai shell", text: "And use its terminal" },
  ],
  exitCodes: [{ code: EXIT.ok, text: "all of them run" }, { code: EXIT.failure, text: "one could not be started" }, { code: "other", text: "with -a the program's own" }],
  run(args, context) {
    if (args.flag("attach") || args.flag("interactive")) return startAttached(args, context);
    return eachContainer(args.operands, context, (reference) => startOne(reference, context));
  },
};
