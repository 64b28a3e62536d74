/** docs/oci.md, made from the tables. Pure. */
import { registration } from "../../engine/installed-registration.ts";
import { OCI_GLOBAL_OPTIONS } from "../oci/global-options.ts";
import type { OciOption, OciVerb } from "../oci/verb.ts";
import { markdownCode, markdownTable } from "./markdown-page.ts";

const ENGINES = ["docker", "containerd", "podman", "cri-o"];
const BINARY = "/usr/local/bin/pidbox-oci";

function spelling({ name, short, kind }: OciOption): string {
  const value = kind === undefined ? "" : kind === "text" ? " VALUE" : kind === "integer" ? " N" : " DURATION";
  return `${short === undefined ? "" : `-${short}, `}--${name}${value}`;
}

function optionTable(options: readonly OciOption[]): string[] {
  const rows = options.filter((option) => option.hidden !== true).map((option): [string, string] => {
    const initial = option.initial === undefined || option.initial === "" ? "" : ` (default: ${option.initial})`;
    return [markdownCode(spelling(option)), `${option.help}${initial}${option.repeat === true ? "; may be given more than once" : ""}`];
  });
  return markdownTable(["option", "meaning"], rows);
}

function enginePart(engine: string): string[] {
  const found = registration(engine, BINARY, []);
  if (found === undefined) return [];
  return [`### ${engine}`, "", `In \`${found.file}\`:`, "", "```", ...found.lines, "```", "", ...found.next.flatMap((line) => [`- ${line}`]), ""];
}

function verbPart(verb: OciVerb): string[] {
  return [
    `### ${verb.name}`, "", `${verb.summary}.`, "",
    "```", `pidbox-oci ${verb.name}${verb.options.length === 0 ? "" : " [options]"}${verb.usage === "" ? "" : ` ${verb.usage}`}`, "```", "",
    ...(verb.description === "" ? [] : [verb.description.replace(/\s+/g, " "), ""]), ...optionTable(verb.options),
  ];
}

/** The page. */
export function ociPage(verbs: readonly OciVerb[]): string {
  const lines = [
    "# pidbox-oci", "",
    "An OCI runtime with the command line of runc, for Docker, containerd, Podman and CRI-O. It is the same executable as `pidbox`: called by the name `pidbox-oci`, or as `pidbox oci`.", "",
    "No process of pidbox stays with a container. Its state is in `/run/pidbox-oci/ID` (`--root`; for others than root in `$XDG_RUNTIME_DIR/pidbox-oci`, and",
    "without that variable in `/tmp/pidbox-oci-UID`). A default directory that is not the caller's, or that others can write, is refused.", "",
    "## Below an engine", "", "`sudo pidbox install` puts the binary in `/usr/local/bin`. `pidbox doctor` prints these lines for the engines that it finds.", "",
    ...ENGINES.flatMap(enginePart),
    "## Command line", "",
    "The grammar is that of Go's flag package, as runc has it: `-option` and `--option` are the same, a value is the next word or follows `=`, switches take `=true` or `=false`, letters are not joined. "
      + "Options stand before the operands or between them; for `exec` and `ps` they end at the first operand.", "",
    "The exit code is 0, or 1 for an error; `run` and `exec` without `--detach` end with the code of the program, and `exec` with 255 if it could not start it. "
      + "An error is written to stderr, and with `--log FILE` to the end of that file too, as logrus writes it: as text, or with `--log-format json` as `{\"level\":\"error\",\"msg\":\"...\",\"time\":\"...\"}`.", "",
    "## Global options", "", ...optionTable(OCI_GLOBAL_OPTIONS), "## Verbs", "", ...verbs.flatMap(verbPart),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}
