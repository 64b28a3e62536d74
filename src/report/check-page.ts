/** A page of docs for each check, and their index. Pure. */
import type { Area, CheckInfo } from "./finding.ts";
import { AREAS } from "./finding.ts";

export function checkPage(check: CheckInfo): string {
  const { text, ...engines } = check.remedy;
  const remedies = Object.entries(engines).flatMap(([engine, words]) => ["", `${engine}:`, "```", String(words), "```"]);
  const references = check.references.length === 0 ? [] : ["", `References: ${check.references.join(", ")}.`];
  return [
    "<!-- Generated from src/audit/checks by tools/gen-docs.ts. -->", `# ${check.id} ${check.name}`, "", `**${check.title}.** Severity: ${check.severity}.`, "",
    check.why, "", "## What to do", "", `${text}.`, ...remedies, ...references, "",
  ].join("\n");
}

export function checkIndex(checks: readonly CheckInfo[]): string {
  const parts = (Object.keys(AREAS) as Area[]).flatMap((area) => {
    const rows = checks.filter(({ id }) => id.startsWith(area)).map(({ id, name, title, severity }) => `| ${id} | [${name}](${name}.md) | ${title} | ${severity} |`);
    const { kind, title } = AREAS[area];
    return rows.length === 0 ? [] : ["", `## ${title} (${kind})`, "", "| id | name | finding | severity |", "| --- | --- | --- | --- |", ...rows];
  });
  return [
    "<!-- Generated from src/audit/checks by tools/gen-docs.ts. -->", "# Checks", "", `What \`pidbox audit\` asks: ${checks.length} checks.`, ...parts, "",
  ].join("\n");
}
