/** Help texts of pidbox-oci in the form of urfave/cli, from the option tables. Pure but for the loading of verbs. */
import { loadOciVerbs } from "../oci/catalog.ts";
import { OCI_GLOBAL_OPTIONS } from "../oci/global-options.ts";
import type { OciOption, OciVerb } from "../oci/verb.ts";

const HELP: OciOption = { name: "help", short: "h", help: "show help" };

function spelling({ name, short, kind }: OciOption): string {
  const value = kind === undefined ? "" : " value";
  return short === undefined ? `--${name}${value}` : `--${name}${value}, -${short}${value}`;
}

function optionRows(options: readonly OciOption[]): string {
  const rows = options.filter((option) => option.hidden !== true);
  const width = Math.max(...rows.map((option) => spelling(option).length));
  const line = (option: OciOption): string => {
    const initial = option.initial === undefined || option.initial === "" ? "" : ` (default: ${option.kind === "text" ? `"${option.initial}"` : option.initial})`;
    return `   ${spelling(option).padEnd(width)}  ${option.help}${initial}\n`;
  };
  return rows.map(line).join("");
}

/** `pidbox-oci VERB --help`. */
export function ociVerbHelp(verb: OciVerb): string {
  const options = verb.options.some((option) => option.hidden !== true);
  const usage = `pidbox-oci ${verb.name}${options ? " [command options]" : ""}${verb.usage === "" ? "" : ` ${verb.usage}`}`;
  const description = verb.description === "" ? "" : `\nDESCRIPTION:\n   ${verb.description}\n`;
  return `NAME:\n   pidbox-oci ${verb.name} - ${verb.summary}\n\nUSAGE:\n   ${usage}\n${description}${options ? `\nOPTIONS:\n${optionRows(verb.options)}` : ""}`;
}

/** `pidbox-oci --help`. */
export async function ociHelp(): Promise<string> {
  const verbs = await loadOciVerbs();
  const width = Math.max(...verbs.map((verb) => verb.name.length));
  const rows = verbs.map((verb) => `   ${verb.name.padEnd(width)}  ${verb.summary}\n`).join("");
  return [
    "NAME:\n   pidbox-oci - Open Container Initiative runtime of pidbox, with the command line of runc\n",
    "USAGE:\n   pidbox-oci [global options] command [command options] [arguments...]\n",
    `COMMANDS:\n${rows}   ${"help, h".padEnd(width)}  Shows a list of commands or help for one command\n`,
    `GLOBAL OPTIONS:\n${optionRows([...OCI_GLOBAL_OPTIONS, HELP])}`,
  ].join("\n");
}
