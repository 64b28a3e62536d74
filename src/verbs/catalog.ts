/** Every verb by name. Each loads alone, when it is used: a command pays for its own verb and for no other. */
import type { Verb } from "./verb.ts";

/** The verbs in the order in which help lists them. */
export const CATALOG = {
  do: async () => (await import("./do.ts")).do_,
  run: async () => (await import("./run.ts")).run,
  create: async () => (await import("./create.ts")).create,
  start: async () => (await import("./start.ts")).start,
  exec: async () => (await import("./exec.ts")).exec,
  attach: async () => (await import("./attach.ts")).attach,
  stop: async () => (await import("./stop.ts")).stop,
  restart: async () => (await import("./restart.ts")).restart,
  kill: async () => (await import("./kill.ts")).kill,
  pause: async () => (await import("./pause.ts")).pause,
  unpause: async () => (await import("./pause.ts")).unpause,
  wait: async () => (await import("./wait.ts")).wait,
  events: async () => (await import("./events.ts")).events,
  port: async () => (await import("./port.ts")).port,
  logs: async () => (await import("./logs.ts")).logs,
  inspect: async () => (await import("./inspect.ts")).inspect,
  cp: async () => (await import("./cp.ts")).cp,
  diff: async () => (await import("./diff.ts")).diff,
  stats: async () => (await import("./stats.ts")).stats,
  update: async () => (await import("./update.ts")).update,
  rename: async () => (await import("./rename.ts")).rename,
  rm: async () => (await import("./rm.ts")).rm,
  prune: async () => (await import("./prune.ts")).prune,
  ps: async () => (await import("./ps.ts")).ps,
  top: async () => (await import("./top.ts")).top,
  tree: async () => (await import("./tree.ts")).tree,
  verify: async () => (await import("./verify.ts")).verify,
  audit: async () => (await import("./audit.ts")).audit,
  gc: async () => (await import("./gc.ts")).gc,
  doctor: async () => (await import("./doctor.ts")).doctor,
  install: async () => (await import("./install.ts")).install,
  help: async () => (await import("./help.ts")).help,
  completion: async () => (await import("./completion.ts")).completion,
  version: async () => (await import("./version.ts")).version,
} satisfies Readonly<Record<string, () => Promise<Verb>>>;

/** Commands that the launcher gives when it re-executes pidbox. They are verbs in form, but not for people: no help lists them. */
export const RE_ENTRIES: Readonly<Record<string, () => Promise<Verb>>> = {
  __failed: async () => (await import("./epilogue.ts")).failed,
  __verify: async () => (await import("./verified-start.ts")).verifyStart,
  __left: async () => (await import("./left.ts")).left,
  __ended: async () => (await import("./epilogue.ts")).ended,
};

export type VerbName = keyof typeof CATALOG;

export const VERB_NAMES = Object.keys(CATALOG) as readonly VerbName[];

export function isVerbName(word: string): word is VerbName {
  return (VERB_NAMES as readonly string[]).includes(word);
}

/** All verbs, loaded, in the order of the catalog. */
export function loadVerbs(): Promise<Verb[]> {
  return Promise.all(VERB_NAMES.map((name): Promise<Verb> => CATALOG[name]()));
}
