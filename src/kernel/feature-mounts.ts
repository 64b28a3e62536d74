/** The mount table among the facts. Pure. */
import { PidboxError } from "../base/error.ts";
import { resultText } from "./feature-facts.ts";
import type { FeatureFacts, Verdict } from "./feature-facts.ts";
import { parseMountinfo } from "./mountinfo.ts";
import type { Mount } from "./mountinfo.ts";

/** The caller's mounts, or the "unknown" that every question about them has when they cannot be read. */
export function mountsOf(facts: FeatureFacts): { readonly mounts: readonly Mount[] } | { readonly unknown: Verdict } {
  const source = "/proc/self/mountinfo";
  const text = facts.files[source];
  const unknown = (reason: string, value: string): { unknown: Verdict } => ({ unknown: { answer: "unknown", reason, evidence: [{ source, value }] } });
  if (typeof text === "number") return unknown("the mount table cannot be read", resultText(text));
  try {
    return { mounts: parseMountinfo(text) };
  } catch (error) {
    if (error instanceof PidboxError && error.code === "PARSE") return unknown("the mount table is malformed", error.message);
    throw error;
  }
}
