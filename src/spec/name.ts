/** Names and ids of containers. Pure. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";

/** A name becomes a directory, a cgroup and a host name, so it stays far below NAME_MAX (255). */
const NAME_LIMIT = 128;
/** Ids come from engines; containerd and podman use 64 hexadecimal digits, sometimes with a prefix. */
const ID_LIMIT = 255;

// Docker's grammar plus runc's "+". The first character keeps names apart from options, hidden files, "." and "..".
const GRAMMAR = /^[A-Za-z0-9][A-Za-z0-9_.+-]*$/;

/** A name given by a person (`--name`). Throws PidboxError USAGE. */
export function parseName(value: string): string {
  if (GRAMMAR.test(value) && value.length <= NAME_LIMIT) return value;
  throw new PidboxError("USAGE", `Cannot use ${quote(value, 60)} as the name of a container: it must be 1 to ${NAME_LIMIT} of A-Z a-z 0-9 _ . + -, the first a letter or digit`, {
    context: { from: "--name" },
  });
}

/**
 * A container id given by an engine. runc also takes ids that start with "_", "+", "." or "-"; of these "_" and "+" are harmless and are taken too.
 * Throws PidboxError USAGE.
 */
export function parseContainerId(value: string): string {
  if (/^[A-Za-z0-9_+][A-Za-z0-9_.+-]*$/.test(value) && value.length <= ID_LIMIT) return value;
  throw new PidboxError("USAGE", `Cannot use ${quote(value, 60)} as container id: it must be 1 to ${ID_LIMIT} of A-Z a-z 0-9 _ . + -, the first none of . -`);
}

/** A host name for --hostname: RFC 1123 labels, at most 64 bytes (HOST_NAME_MAX of Linux). Throws PidboxError USAGE. */
export function parseHostname(value: string): string {
  if (value.length <= 64 && /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*$/.test(value)) return value;
  throw new PidboxError("USAGE", `Cannot use ${quote(value, 80)} as host name: it must be at most 64 letters, digits, hyphens and dots`, { context: { from: "--hostname" } });
}
