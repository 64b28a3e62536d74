/** Every verb of pidbox-oci by name. Each loads alone, when it is used. */
import type { OciVerb } from "./verb.ts";

/** The verbs in the order in which help lists them. */
export const OCI_CATALOG: Readonly<Record<string, () => Promise<OciVerb>>> = {
  checkpoint: async () => (await import("./checkpoint.ts")).checkpoint,
  create: async () => (await import("./create.ts")).create,
  delete: async () => (await import("./delete.ts")).delete_,
  events: async () => (await import("./events.ts")).events,
  exec: async () => (await import("./exec.ts")).exec,
  features: async () => (await import("./features.ts")).features,
  kill: async () => (await import("./kill.ts")).kill,
  list: async () => (await import("./list.ts")).list,
  pause: async () => (await import("./pause.ts")).pause,
  ps: async () => (await import("./ps.ts")).ps,
  restore: async () => (await import("./checkpoint.ts")).restore,
  resume: async () => (await import("./pause.ts")).resume,
  run: async () => (await import("./run.ts")).run,
  spec: async () => (await import("./spec.ts")).spec,
  start: async () => (await import("./start.ts")).start,
  state: async () => (await import("./state.ts")).state,
  update: async () => (await import("./update.ts")).update,
};

/** Commands that the launcher gives when it re-executes pidbox, `pidbox oci ...LOG_WORDS __oci-NAME ...`. No help lists them. */
export const OCI_RE_ENTRIES: Readonly<Record<string, () => Promise<OciVerb>>> = {
  "__oci-failed": async () => (await import("./failed.ts")).failed,
  "__oci-start-failed": async () => (await import("./start.ts")).startFailed,
  "__oci-exec-failed": async () => (await import("./failed.ts")).execFailed,
};

/** All verbs, loaded, in the order of the catalog. */
export function loadOciVerbs(): Promise<OciVerb[]> {
  return Promise.all(Object.values(OCI_CATALOG).map((load) => load()));
}
