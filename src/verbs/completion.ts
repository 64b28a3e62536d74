/** `pidbox completion SHELL`: a static completion script, made from the option tables. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { loadVerbs } from "./catalog.ts";
import { loadOciVerbs } from "./oci/catalog.ts";
import { bashCompletion } from "./reference/completion-bash.ts";
import { fishCompletion } from "./reference/completion-fish.ts";
import { ociBashCompletion } from "./reference/oci-completion.ts";
import { zshCompletion } from "./reference/completion-zsh.ts";
import type { Verb } from "./verb.ts";

const SHELLS: Readonly<Record<string, (verbs: readonly Verb[]) => string>> = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

export const completion: Verb = {
  name: "completion",
  summary: "Print the completion script for a shell",
  description: "Prints a script that completes verbs, options and their values. It is static: pressing the tabulator key runs pidbox only to list containers, where a container is asked for. That for bash completes pidbox-oci too.",
  options: [],
  operands: [{ name: "SHELL", help: "bash, zsh or fish", required: true }],
  examples: [
    { command: "source <(pidbox completion bash)", text: "Complete in this bash" },
    { command: "pidbox completion zsh > ~/.zsh/completions/_pidbox", text: "Install for zsh, in a directory of its fpath" },
    { command: "pidbox completion fish > ~/.config/fish/completions/pidbox.fish", text: "Install for fish" },
  ],
  async run(args) {
    const shell = args.operands[0] ?? "";
    const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
    if (script === undefined) {
      throw new PidboxError("USAGE", `completion: no completion for shell ${quote(shell)}`, { hint: `shells are ${Object.keys(SHELLS).join(", ")}` });
    }
    const verbs = await loadVerbs();
    const oci = shell === "bash" ? ociBashCompletion(await loadOciVerbs()) : "";
    return { exit: 0, text: () => script(verbs) + oci };
  },
};
