import { finding, inapplicable, pass, saw, unknown } from "../check.ts";
import type { ContainerCheck } from "../check.ts";

const DIRECTORY = "/etc/apparmor.d";
/** Directories of it that profiles include from. */
const INCLUDED = [`${DIRECTORY}/abstractions`, `${DIRECTORY}/abstractions/lxc`, `${DIRECTORY}/tunables`, `${DIRECTORY}/local`];
const DEEPEST = 8;

/** The rules of `profile NAME ... { ... }` in a file, comments left out; undefined where it is not there. Nested braces are of paths and of child profiles. */
function bodyOf(text: string, name: string): string | undefined {
  const plain = text.replace(/^[ \t]*#(?!include).*$/gm, "");
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const start = new RegExp(`^[ \\t]*(?:profile[ \\t]+)?"?${escaped}"?(?:[ \\t][^{\\n]{0,200})?\\{`, "m").exec(plain);
  if (start === null) return undefined;
  let depth = 1;
  for (let at = start.index + start[0].length; at < plain.length; at++) {
    if (plain[at] === "{") depth++;
    if (plain[at] === "}" && --depth === 0) return plain.slice(start.index + start[0].length, at);
  }
  return undefined;
}

interface Rules {
  readonly text: string;
  /** Includes whose text was not read. */
  readonly missing: readonly string[];
}

/** A profile's rules with those that it includes. `include if exists` of what is not there is nothing. */
function withIncludes(body: string, files: ReadonlyMap<string, string | number>, depth = 0): Rules {
  const includes = [...body.matchAll(/^[ \t]*#?include[ \t]+(if[ \t]+exists[ \t]+)?[<"]([^>"\n]{1,200})[>"]/gm)];
  const parts = includes.map(([, optional, name = ""]): Rules => {
    const text = files.get(name.startsWith("/") ? name : `${DIRECTORY}/${name}`);
    if (typeof text === "string" && depth < DEEPEST) return withIncludes(text, files, depth + 1);
    return { text: "", missing: optional === undefined || text !== undefined ? [name] : [] };
  });
  return { text: [body, ...parts.map(({ text }) => text)].join("\n"), missing: parts.flatMap(({ missing }) => missing) };
}

function weaknesses(body: string): string[] {
  const rules = body.split(/[,\n]/).map((rule) => rule.trim());
  const has = (pattern: RegExp): boolean => rules.some((rule) => pattern.test(rule));
  return [
    ...(has(/^(allow +)?mount$/) && !has(/^deny mount$/) ? ["allows all mounts"] : []),
    ...(has(/^(allow +)?userns( create)?$/) ? ["allows user namespaces"] : []),
    ...(has(/^(allow +)?network$/) && !has(/^deny network alg\b/) ? ["does not deny AF_ALG"] : []),
    ...(has(/^(allow +)?(change_profile|ptrace)$/) ? ["allows ptrace of all, or any other profile"] : []),
  ];
}

/** Only profiles whose text is on the host can be looked at: Docker and Podman load theirs from memory. */
export const check: ContainerCheck = {
  scope: "container",
  id: "Q02",
  name: "apparmor-content",
  title: "The AppArmor profile allows what an engine's own denies",
  severity: "medium",
  why: "A profile that is enforced says nothing by itself: one written to let a program run often allows mounts, ptrace or every kind of socket, which is what the engines' profiles are there to deny.",
  references: ["CVE-2026-31431", "T1611"],
  remedy: { text: "Deny in the profile what the container does not need", host: "deny mount,\ndeny network alg,   # in the profile; then apparmor_parser -r FILE" },
  reads: { filesOf: [DIRECTORY, ...INCLUDED] },
  evaluate({ tasks }, { host: { files } }) {
    const labels = tasks.flatMap(({ label }) => (typeof label === "string" ? [label.replace(/ \([a-z]+\)$/, "")] : []));
    const names = [...new Set(labels)].filter((name) => name !== "" && name !== "unconfined");
    const texts = [...files].filter((entry): entry is [string, string] => entry[0].startsWith(`${DIRECTORY}/`) && typeof entry[1] === "string");
    const answers = names.flatMap((name) => {
      const found = texts.map(([path, text]) => ({ path, body: bodyOf(text, name) })).find(({ body }) => body !== undefined);
      if (found?.body === undefined) return [];
      const { text, missing } = withIncludes(found.body, files);
      const weak = weaknesses(text);
      const evidence = saw(found.path, name);
      if (weak.length > 0) return [finding(`${name} ${weak.join(", ")}`, evidence)];
      return [missing.length > 0 ? unknown(`${name} includes ${missing.join(", ")}, which could not be read`, evidence) : pass(`${name} allows neither all mounts nor AF_ALG`, evidence)];
    });
    return answers.length > 0 ? answers : inapplicable(names.length === 0 ? "no profile" : `the text of ${names.join(", ")} is not on this host`, saw(DIRECTORY, `${texts.length} files`));
  },
};
