import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../../../test/parts.ts";
import { loadVerbs } from "../catalog.ts";
import type { Verb } from "../verb.ts";
import { loadOciVerbs } from "../oci/catalog.ts";
import { bashCompletion } from "./completion-bash.ts";
import { fishCompletion } from "./completion-fish.ts";
import { zshCompletion } from "./completion-zsh.ts";
import { optionSpelling, verbText, wrap } from "./help-text.ts";
import { ociBashCompletion } from "./oci-completion.ts";
import { ociHelp, ociVerbHelp } from "./oci-help.ts";
import { ociManPage } from "./oci-man-page.ts";
import { ociPage } from "./oci-markdown-page.ts";
import { overviewManPage, verbManPage } from "./man-page.ts";
import { verbPage } from "./markdown-page.ts";

/** A verb with every kind of option and every character that one of the formats could trip over. */
const HOSTILE: Verb = {
  name: "odd",
  summary: "It's \\a \"verb\": with [brackets], $(commands), `ticks` & | < > ~ ^",
  description: ".TH looks like roff\n\n'quote at the start of a paragraph, \\fBbackslashes\\fR, a | pipe and <tags>",
  options: [
    { name: "all", short: "a", help: "A switch: it's [on] or $HOME, 100%" },
    { name: "mode", short: "m", value: "MODE", choices: ["one", "two"], help: "Choices" },
    { name: "tty", short: "t", value: "HOW", valueOptional: true, choices: ["force"], help: "Optional value" },
    { name: "file", short: "f", value: "FILE", repeat: true, help: "A path" },
    { name: "kind", value: "A|B:C", help: "An odd metavariable" },
  ],
  operands: [{ name: "IMAGE", help: "What", required: true }, { name: "CMD", help: "Command", repeat: true }],
  stopsAtOperand: true,
  examples: [{ command: "pidbox odd -- sh -c 'echo \"$HOME\" | cat'", text: "An example" }],
  exitCodes: [{ code: "128+n", text: "Ended by signal n" }],
  run: () => ({ exit: 0 }),
};
const verbs = [...(await loadVerbs()), HOSTILE];
const ociVerbs = await loadOciVerbs();

function inFile<T>(name: string, text: string, use: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "pidbox-reference-"));
  try {
    writeFileSync(join(folder, name), text);
    return use(join(folder, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(command: readonly string[], stdin = ""): { code: number; out: string; err: string } {
  const result = Bun.spawnSync([...command], { stdin: Buffer.from(stdin), env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C.UTF-8", HOME: "/nonexistent" } });
  return { code: result.exitCode, out: result.stdout.toString(), err: result.stderr.toString() };
}

/** What bash would offer for `words`, of which the last is being typed. */
function bashOffers(...words: readonly string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(" ");
  const script = `${bashCompletion(verbs)}\ncompopt() { :; }\nCOMP_WORDS=(pidbox ${line}); COMP_CWORD=${words.length}; _pidbox; printf '%s\\n' "\${COMPREPLY[@]}"\n`;
  return run(["bash", "--norc", "-s"], script).out.trim().split("\n");
}

describe("bashCompletion()", () => {
  test("is a script that bash reads", () => {
    expect(run(["bash", "-n"], bashCompletion(verbs))).toEqual({ code: 0, out: "", err: "" });
  });
  test("offers verbs, options, choices and topics", () => {
    expect(bashOffers("v")).toContain("version");
    expect(bashOffers("version", "--f")).toEqual(["--format"]);
    expect(bashOffers("version", "--format", "j")).toEqual(["json"]);
    expect(bashOffers("help", "vers")).toEqual(["version"]);
    expect(bashOffers("completion", "")).toEqual(["bash", "zsh", "fish"]);
    expect(bashOffers("odd", "-m", "t")).toEqual(["two"]);
  });
  test("leaves the words of the command inside alone", () => {
    expect(bashOffers("odd", "--m")).toEqual(["--mode"]);
    expect(bashOffers("odd", "-m", "one", "--m")).toEqual(["--mode"]);
    expect(bashOffers("odd", "-m", "one", "image", "--m")).toEqual([""]);
    expect(bashOffers("odd", "--", "image", "--m")).toEqual([""]);
  });
});

/** What bash would offer for a command line of pidbox-oci whose last word is being typed. */
function ociOffers(...words: readonly string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(" ");
  const stubs = "compopt() { :; }\npidbox-oci() { echo \"from-$*\"; }";
  const script = `${ociBashCompletion(ociVerbs)}\n${stubs}\nCOMP_WORDS=(pidbox-oci ${line}); COMP_CWORD=${words.length}; _pidbox_oci; printf '%s\\n' "\${COMPREPLY[@]}"\n`;
  return run(["bash", "--norc", "-s"], script).out.trim().split("\n");
}

describe("ociBashCompletion()", () => {
  test("is a script that bash reads", () => {
    expect(run(["bash", "-n"], ociBashCompletion(ociVerbs))).toEqual({ code: 0, out: "", err: "" });
  });
  test("offers verbs, options, choices and containers, those of --root if it is given", () => {
    expect(ociOffers("sta")).toEqual(["start", "state"]);
    expect(ociOffers("--root", "/x", "sta")).toEqual(["start", "state"]);
    expect(ociOffers("--lo")).toEqual(["--log", "--log-format"]);
    expect(ociOffers("--log-format", "j")).toEqual(["json"]);
    expect(ociOffers("list", "-f", "")).toEqual(["table", "json"]);
    expect(ociOffers("delete", "--f")).toEqual(["--force"]);
    expect(ociOffers("delete", "")).toEqual(["from-list", "-q"]);
    expect(ociOffers("--root", "/x", "--debug", "delete", "-f", "")).toEqual(["from---root", "/x", "list", "-q"]);
    expect(ociOffers("list", "")).toEqual([""]);
    expect(ociOffers("help", "upd")).toEqual(["update"]);
  });
});

describe("zshCompletion()", () => {
  needs("zsh")("is a script that zsh reads and runs", () => {
    inFile("_pidbox", zshCompletion(verbs), (path) => {
      expect(run(["zsh", "-f", "-n", path])).toEqual({ code: 0, out: "", err: "" });
      expect(run(["zsh", "-f", "-c", `autoload -U compinit && compinit -u -D && source ${path} && print $_comps[pidbox]`])).toEqual({ code: 0, out: "_pidbox\n", err: "" });
    });
  });
});

describe("fishCompletion()", () => {
  needs("fish")("is a script that fish reads, and offers verbs, options and choices", () => {
    inFile("pidbox.fish", fishCompletion(verbs), (path) => {
      expect(run(["fish", "--no-execute", path])).toEqual({ code: 0, out: "", err: "" });
      const offers = (line: string): string[] =>
        run(["fish", "--no-config", "-c", `source ${path}; complete -C '${line}'`]).out.trim().split("\n").map((row) => row.split("\t")[0] ?? "");
      expect(offers("pidbox vers")).toContain("version");
      expect(offers("pidbox version --fo")).toContain("--format");
      expect(offers("pidbox version --format j")).toEqual(["json"]);
      expect(offers("pidbox completion ")).toEqual(["bash", "fish", "zsh"]);
    });
  });
});

describe("man pages", () => {
  needs("man")("have no warnings, for any verb", () => {
    for (const page of [overviewManPage(verbs, "1.2.3"), ...verbs.map((verb) => verbManPage(verb, "1.2.3"))]) {
      const result = run(["groff", "-man", "-Tutf8", "-ww", "-Kutf8"], page);
      expect([result.code, result.err]).toEqual([0, ""]);
    }
  });
  needs("man")("show hostile text as it is", () => {
    const shown = run(["groff", "-man", "-Tutf8", "-P-c", "-rLL=400n"], verbManPage(HOSTILE, "1")).out.replace(/.\u0008/g, "");
    for (const text of [HOSTILE.summary, ".TH looks like roff", "'quote at the start", "\\fBbackslashes\\fR", "-m, --mode MODE", "$HOME, 100%"]) expect(shown).toContain(text);
  });
});

describe("help", () => {
  test("spells options with their values", () => {
    expect(HOSTILE.options.map(optionSpelling)).toEqual(["-a, --all", "-m, --mode MODE", "-t, --tty[=HOW]", "-f, --file FILE", "--kind A|B:C"]);
  });
  test("names every option, operand, example and exit code of every verb within 100 columns", () => {
    for (const verb of verbs) {
      const text = verbText(verb);
      for (const option of verb.options) expect(text).toContain(optionSpelling(option));
      for (const operand of verb.operands) expect(text).toContain(`\n  ${operand.name} `);
      for (const example of verb.examples) expect(text).toContain(example.command);
      const prose = text.split("\nExamples:")[0] ?? "";
      expect(Math.max(...prose.split("\n").map((line) => line.length))).toBeLessThanOrEqual(100);
    }
  });
  test("wrap() keeps every word", () => {
    expect(wrap("a bb ccc dddddddddd e", 5)).toEqual(["a bb", "ccc", "dddddddddd", "e"]);
    expect(wrap("", 5)).toEqual([]);
  });
});

test("verbPage() escapes what Markdown would take for a table or a tag", () => {
  const page = verbPage(HOSTILE);
  expect(page).toContain("| `--kind A\\|B:C` | An odd metavariable |");
  expect(page).toContain("```sh\npidbox odd -- sh -c 'echo \"$HOME\" | cat'\n```");
});

describe("pidbox-oci", () => {
  test("has every verb and option in its page, its man page and its help", async () => {
    const [page, help] = [ociPage(ociVerbs), await ociHelp()];
    for (const verb of ociVerbs) {
      expect(page).toContain(`### ${verb.name}\n`);
      expect(help).toContain(`   ${verb.name} `);
      for (const { name, hidden } of verb.options) {
        expect(page.includes(`--${name}`)).toBe(hidden !== true);
        expect(ociVerbHelp(verb).includes(`--${name}`)).toBe(hidden !== true);
      }
    }
  });
  needs("man")("man page has no warnings", () => {
    const page = ociManPage(ociVerbs, "1.2.3");
    const result = inFile("pidbox-oci.8", page, (path) => run(["man", "--warnings", "-E", "UTF-8", "-l", "-P", "cat", path]));
    expect([result.code, result.err]).toEqual([0, ""]);
    for (const { name } of ociVerbs) expect(result.out).toContain(`pidbox-oci ${name}`);
  });
});
