/** --restart, --log-driver, --log-opt, -i: how a container goes on without its caller. In the words of docker. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import type { KeptSettings, LogSettings, RestartPolicy } from "../engine/store.ts";
import type { Keeping, LogFiles } from "../plan/blueprint.ts";
import { parseSize } from "../spec/size.ts";
import type { Arguments } from "./verb.ts";

const MAX_RETRIES = 2 ** 31 - 1;
/** As many as docker's `local` driver keeps: a log without limit fills the disk one day. */
const LOG_SIZE = 20 * 2 ** 20;
const LOG_FILES = 5;
const MOST_FILES = 100;
const LOG_NAME = "container.log";

function usage(flag: string, value: string, why: string, hint: string): PidboxError {
  return new PidboxError("USAGE", `Cannot use ${quote(value, 60)} for ${flag}: ${why}`, { hint, context: { from: flag } });
}

/** `on-failure:3` and its kin. Throws USAGE. Pure. */
export function parseRestart(text: string): RestartPolicy {
  const [, word = "", number] = /^(no|on-failure|always|unless-stopped)(?::(\d{1,10}))?$/.exec(text === "" ? "no" : text) ?? [];
  const name = (["no", "on-failure", "always", "unless-stopped"] as const).find((one) => one === word);
  if (name === undefined) throw usage("--restart", text, "there is no such policy", "One of no, on-failure[:N], always, unless-stopped");
  if (number !== undefined && name !== "on-failure") throw usage("--restart", text, `${name} takes no number`, "on-failure:N is at most N times");
  const retries = Number(number ?? 0);
  if (retries > MAX_RETRIES) throw usage("--restart", text, "the number is too large", "on-failure:N is at most N times");
  return { name, retries };
}

/** Throws USAGE. */
export function logSettings(args: Arguments): LogSettings {
  const given = args.value("log-driver");
  const driver = given === "k8s-file" || given === "none" ? given : "json-file";
  const options = new Map(args.values("log-opt").map((option): [string, string] => {
    const at = option.indexOf("=");
    const name = at < 0 ? option : option.slice(0, at);
    if (at < 1 || (name !== "max-size" && name !== "max-file")) throw usage("--log-opt", option, "it is none that is known", "max-size=SIZE, max-file=N");
    return [name, option.slice(at + 1)];
  }));
  if (driver === "none") return { driver };
  const size = options.get("max-size");
  const maxSize = size === undefined ? LOG_SIZE : parseSize(size, "--log-opt max-size", { unlimited: true });
  if (maxSize !== -1 && maxSize < 1) throw usage("--log-opt", `max-size=${size ?? ""}`, "a log needs room", "A size such as 10m, or -1");
  const count = options.get("max-file");
  const maxFiles = count === undefined ? LOG_FILES : /^\d{1,3}$/.test(count) ? Number(count) : 0;
  if (maxFiles < 1 || maxFiles > MOST_FILES) throw usage("--log-opt", `max-file=${count ?? ""}`, `it is not a number from 1 to ${MOST_FILES}`, "max-file=5");
  return { driver, maxFiles, ...(maxSize === -1 ? {} : { maxSize }) };
}

/** Names of the files of a log, first the one that is written. */
export function logNames(log: LogSettings): string[] {
  const rest = log.maxSize === undefined ? 0 : (log.maxFiles ?? 1) - 1;
  return [LOG_NAME, ...Array.from({ length: rest }, (_, i) => `${LOG_NAME}.${i + 1}`)];
}

/** What the plan needs to know of the log in `directory`. */
export function logFiles(log: LogSettings, directory: string | undefined): LogFiles | undefined {
  if (log.driver === "none" || directory === undefined) return undefined;
  const format = log.driver === "json-file" ? "json" : "cri";
  return { format, directory, names: logNames(log), ...(log.maxSize === undefined ? {} : { maxSize: log.maxSize }) };
}

/** Throws USAGE. Input of a container that runs in the background stays open; of one that somebody will be attached to, it ends with that one's. */
export function keptSettings(args: Arguments, background: boolean): Pick<KeptSettings, "input" | "log" | "restart"> {
  const restart = parseRestart(args.value("restart") ?? "no");
  if (restart.name !== "no" && args.flag("rm")) {
    throw new PidboxError("USAGE", "Cannot use --restart together with --rm: a container that is removed cannot be started again", { context: { from: "--restart" } });
  }
  const input: Keeping["input"] = !args.flag("interactive") ? "none" : background ? "open" : "once";
  return { input, log: logSettings(args), restart };
}
