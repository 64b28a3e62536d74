/** `pidbox install`: the binary itself, under both of its names, with man pages and completions, below a prefix. */
import { version } from "../../package.json";
import { PidboxError } from "../base/error.ts";
import { absolute } from "../base/path.ts";
import { printable } from "../base/text.ts";
import { checkOwned, installExecutable, installLink, installText, makeDirectories } from "../engine/installation.ts";
import { OCI_PROGRAM } from "../engine/installed-registration.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { syscall } from "../kernel/ffi.ts";
import { loadVerbs } from "./catalog.ts";
import { loadOciVerbs } from "./oci/catalog.ts";
import { bashCompletion } from "./reference/completion-bash.ts";
import { fishCompletion } from "./reference/completion-fish.ts";
import { zshCompletion } from "./reference/completion-zsh.ts";
import { overviewManPage, verbManPage } from "./reference/man-page.ts";
import { ociBashCompletion } from "./reference/oci-completion.ts";
import { ociManPage } from "./reference/oci-man-page.ts";
import type { Arguments, Context, Outcome, Verb } from "./verb.ts";

/** Where a compiled binary has its code; a run from source has a path. */
const COMPILED = "/$bunfs/";

function prefixOf(args: Arguments, { cwd }: Context): string {
  const parts = absolute(args.value("prefix") ?? "/usr/local", cwd).split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new PidboxError("USAGE", "option --prefix takes a path without ..", { context: { from: "--prefix" } });
  return `/${parts.join("/")}`;
}

/** Every text that is installed: path below the prefix -> text. */
async function texts(): Promise<Map<string, string>> {
  const [verbs, ociVerbs] = [await loadVerbs(), await loadOciVerbs()];
  return new Map([
    ["share/man/man1/pidbox.1", overviewManPage(verbs, version)],
    ...verbs.map((verb): [string, string] => [`share/man/man1/pidbox-${verb.name}.1`, verbManPage(verb, version)]),
    [`share/man/man8/${OCI_PROGRAM}.8`, ociManPage(ociVerbs, version)],
    ["share/bash-completion/completions/pidbox", bashCompletion(verbs)],
    [`share/bash-completion/completions/${OCI_PROGRAM}`, ociBashCompletion(ociVerbs)],
    ["share/zsh/site-functions/_pidbox", zshCompletion(verbs)],
    ["share/fish/vendor_completions.d/pidbox.fish", fishCompletion(verbs)],
  ]);
}

async function runInstall(args: Arguments, context: Context): Promise<Outcome> {
  if (!Bun.main.startsWith(COMPILED)) {
    throw new PidboxError("USAGE", "install: this is not the built pidbox, but Bun running its source", { hint: "make build, then dist/pidbox install" });
  }
  const prefix = prefixOf(args, context);
  const base = prefix === "/" ? "" : prefix;
  const uid = syscall(SYSCALLS.geteuid);
  const [binary, runtime] = [`${base}/bin/pidbox`, `${base}/bin/${OCI_PROGRAM}`];
  makeDirectories(`${base}/bin`);
  checkOwned(`${base}/bin`, uid);
  installExecutable(binary);
  installLink(runtime, binary);
  const files = [binary, runtime];
  for (const [path, text] of await texts()) {
    installText(`${base}/${path}`, text);
    files.push(`${base}/${path}`);
  }
  if (uid !== 0) context.note("the files belong to you, not to root: no engine that root runs should execute them");
  return { exit: 0, data: { prefix, files }, text: () => `${files.map((file) => printable(file)).join("\n")}\n` };
}

export const install: Verb = {
  name: "install",
  summary: "Install pidbox and pidbox-oci below a prefix",
  description:
    "Copies the running binary to PREFIX/bin/pidbox, with mode 0755, and gives it the second name PREFIX/bin/pidbox-oci, by which it is an OCI runtime with runc's command line. " +
    "Man pages and completions go below PREFIX/share. It is the binary itself that is copied, never npm's launcher. Each file is replaced at once: an engine that starts a container meanwhile has the old file or the new one, whole.\n\n" +
    "As root, PREFIX must be a place that only root can change, since engines execute what is there as root. `pidbox doctor` prints the lines that make pidbox-oci a runtime of each engine.",
  options: [
    { name: "prefix", value: "DIR", help: "Where bin and share are; /usr/local if it is not given" },
    { name: "format", value: "FORMAT", choices: ["text", "json"], help: "How to print what was installed: text, one file a line, or json" },
  ],
  operands: [],
  examples: [
    { command: "sudo pidbox install", text: "Below /usr/local" },
    { command: "pidbox install --prefix ~/.local", text: "For this user" },
  ],
  run: runInstall,
};
