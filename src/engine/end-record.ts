/** `end.json` of a container's directory: what pidbox found out about its last end, beyond the numbers that the launcher wrote. */
import { readText } from "../kernel/file.ts";
import { replaceRecord } from "./store.ts";

export interface EndRecord {
  /** Why it ended, if not by its program's own choice; why it could not be started. */
  readonly why?: string;
  /** It did not start, and this is the exit code that stands for the reason (125, 126, 127). */
  readonly failedStart?: number;
  readonly oomKilled: boolean;
  /** Somebody asked for the end: it is not started again by a policy. */
  readonly stopped: boolean;
  /** Its supervisor was killed, and with it the container: the exit code is not its program's. */
  readonly lost?: boolean;
  /** How often a policy has started it again since somebody last did. */
  readonly restarts: number;
  /** Milliseconds until the supervisor starts it again; absent: it does not. */
  readonly delay?: number;
}

/** No end yet, or none that anybody looked at. */
export const NO_END: EndRecord = { oomKilled: false, stopped: false, restarts: 0 };

export function readEnd(directory: string): EndRecord {
  const text = readText(`${directory}/end.json`, 1 << 16);
  if (typeof text === "number") return NO_END;
  try {
    const found = JSON.parse(text) as Partial<EndRecord> | null;
    return { ...NO_END, ...found };
  } catch (error) {
    if (error instanceof SyntaxError) return NO_END;
    throw error;
  }
}

/** Throws IO. */
export function writeEnd(directory: string, end: EndRecord): void {
  replaceRecord(directory, "end.json", JSON.stringify(end));
}
