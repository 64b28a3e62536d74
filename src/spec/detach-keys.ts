/** The keys that let go of a container's terminal, as docker and podman write them. Pure. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";

/** ctrl-p, ctrl-q. */
export const DETACH_KEYS = "ctrl-p,ctrl-q";

/** As many as struct plan_client holds. */
const MOST = 16;
/** ctrl- with these letters is their code without the two high bits of the column (ASCII). */
const CONTROL = /^ctrl-([a-z@[\\\]^_])$/i;

/** The bytes of `ctrl-p,ctrl-q` or `a,b`; none for an empty text: nothing detaches then. Throws USAGE. */
export function parseDetachKeys(text: string): Uint8Array {
  if (text === "") return new Uint8Array(0);
  const keys = text.split(",").map((key) => {
    const letter = CONTROL.exec(key)?.[1];
    if (letter !== undefined) return letter.toUpperCase().charCodeAt(0) & 0x1f;
    return /^[\x21-\x7e]$/.test(key) ? key.charCodeAt(0) : undefined;
  });
  if (keys.length <= MOST && keys.every((key) => key !== undefined)) return Uint8Array.from(keys);
  throw new PidboxError("USAGE", `Cannot use ${quote(text, 60)} for --detach-keys: it is no list of up to ${MOST} keys`, {
    hint: "Single characters or ctrl- and one of a-z @ [ \\ ] ^ _, such as ctrl-p,ctrl-q", context: { from: "--detach-keys" },
  });
}
