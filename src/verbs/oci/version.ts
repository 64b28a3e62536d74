/** What `pidbox-oci --version` prints: go-runc (parseVersion) wants these three lines and no more. */
import { version } from "../../../package.json";
import { SPEC_VERSION } from "./verb.ts";

/** Set by tools/build.ts with --define; a run from source has none. */
declare const PIDBOX_COMMIT: string | undefined;

export function commit(): string {
  return typeof PIDBOX_COMMIT === "string" ? PIDBOX_COMMIT : "unknown";
}

export function versionText(): string {
  return `pidbox-oci version ${version}\ncommit: ${commit()}\nspec: ${SPEC_VERSION}\n`;
}
