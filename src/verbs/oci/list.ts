/** `pidbox-oci list`: every container below the root directory. */
import { PidboxError } from "../../base/error.ts";
import { printable } from "../../base/text.ts";
import { listRuntimeContainers } from "../../engine/runtime-store.ts";
import { readText } from "../../kernel/file.ts";
import { loadContainer, observe, stateDocument } from "./container.ts";
import type { StateDocument } from "./container.ts";
import type { OciContext, OciVerb } from "./verb.ts";

/** The least width of a column and what lies between two: text/tabwriter as runc sets it up. */
const [NARROWEST, GAP] = [12, 3];

/** Name of a uid by /etc/passwd, or the number. */
function userName(uid: number): string {
  const text = readText("/etc/passwd", 4 << 20);
  if (typeof text === "number") return String(uid);
  for (const line of text.split("\n")) {
    const [name, , id] = line.split(":");
    if (id === String(uid) && name !== undefined && name !== "") return name;
  }
  return String(uid);
}

function collect(context: OciContext): StateDocument[] {
  const names = new Map<number, string>();
  const found: StateDocument[] = [];
  for (const id of listRuntimeContainers(context.root)) {
    try {
      const container = observe(loadContainer(context, id));
      const { owner } = container.state;
      const name = names.get(owner) ?? userName(owner);
      names.set(owner, name);
      found.push(stateDocument(container, name));
    } catch (error) {
      // One that is being created or deleted right now has no state, and a broken one is no reason to hide the others.
      if (!(error instanceof PidboxError)) throw error;
      if (error.code !== "NOT_FOUND") context.warn(`load container ${id}: ${error.message}`);
    }
  }
  return found;
}

/** Rows in columns; the last one is not padded. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(NARROWEST, ...rows.map((row) => (row[column] ?? "").length + GAP)));
  return rows.map((row) => `${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join("")}\n`).join("");
}

export const list: OciVerb = {
  name: "list",
  summary: "lists containers started by pidbox-oci with the given root",
  usage: "",
  description: "Where the given root is specified via the global option \"--root\".",
  options: [
    { name: "format", short: "f", kind: "text", initial: "table", help: "select one of: table or json" },
    { name: "quiet", short: "q", help: "display only container IDs" },
  ],
  operands: [],
  run(args, context) {
    const found = collect(context);
    if (args.flag("quiet")) return { exit: 0, text: found.map(({ id }) => `${id}\n`).join("") };
    const format = args.value("format");
    if (format === "json") return { exit: 0, text: `${JSON.stringify(found.length === 0 ? null : found)}\n` };
    if (format !== "table") throw new PidboxError("USAGE", "invalid format option");
    const rows = found.map((one) => [one.id, String(one.pid), one.status, one.bundle, one.created, one.owner].map(printable));
    return { exit: 0, text: table([["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"], ...rows]) };
  },
};
