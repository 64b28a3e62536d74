/** The man page pidbox-oci(8), made from the tables. Pure. */
import { OCI_GLOBAL_OPTIONS } from "../oci/global-options.ts";
import type { OciOption, OciVerb } from "../oci/verb.ts";
import { manEntry, manSection, roffText } from "./man-page.ts";

function meaning({ help, initial }: OciOption): string {
  return initial === undefined || initial === "" ? help : `${help} (default: ${initial})`;
}

function spelling({ name, short, kind }: OciOption): string {
  const value = kind === undefined ? "" : kind === "text" ? " VALUE" : kind === "integer" ? " N" : " DURATION";
  return `${short === undefined ? "" : `-${short}, `}--${name}${value}`;
}

function options(table: readonly OciOption[]): string[] {
  return table.filter((option) => option.hidden !== true).flatMap((option) => manEntry(spelling(option), meaning(option)));
}

function verbPart(verb: OciVerb): string[] {
  const synopsis = `pidbox-oci ${verb.name}${verb.options.length === 0 ? "" : " [options]"}${verb.usage === "" ? "" : ` ${verb.usage}`}`;
  const description = verb.description === "" ? [] : [".PP", roffText(verb.description.replace(/\s+/g, " "))];
  return [`.SS "${roffText(synopsis)}"`, `${roffText(verb.summary)}.`, ...description, ...options(verb.options)];
}

/** The page. */
export function ociManPage(verbs: readonly OciVerb[], version: string): string {
  const lines = [
    `.TH "PIDBOX\\-OCI" 8 "" "pidbox ${roffText(version)}" "pidbox"`,
    ...manSection("NAME", ["pidbox\\-oci \\- OCI runtime of pidbox, with the command line of runc"]),
    ...manSection("SYNOPSIS", ["\\fBpidbox\\-oci\\fR [global options] VERB [options] [operands]", ".br", "\\fBpidbox oci\\fR ..."]),
    ...manSection("DESCRIPTION", [
      "pidbox\\-oci runs containers for engines: Docker, containerd, Podman, CRI\\-O.",
      "Its verbs and options are those of runc(8): options are written with one dash or two, a value follows as the next word or after an equals sign.",
      "No process of pidbox stays with a container.",
    ]),
    ...manSection("GLOBAL OPTIONS", options(OCI_GLOBAL_OPTIONS)),
    ...manSection("VERBS", verbs.flatMap(verbPart)),
    ...manSection("EXIT STATUS", [
      ...manEntry("0", "It was done; of run and exec, the program ended with 0"), ...manEntry("1", "It failed: the reason is on stderr, and in the file of --log"),
      ...manEntry("3", "There is no such verb"), ...manEntry("255", "exec failed before its program ran"),
    ]),
    ...manSection("FILES", [...manEntry("/run/pidbox-oci", "State of containers without --root; $XDG_RUNTIME_DIR/pidbox-oci for others than root")]),
    ...manSection("SEE ALSO", [".BR pidbox (1),", ".BR runc (8)"]),
  ];
  return `${lines.join("\n")}\n`;
}
