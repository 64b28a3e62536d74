/** `-v`, `--mount`, `--tmpfs` and `--device`, in docker's grammar. Pure: sources are not looked at, and relative ones are the caller's to resolve. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { parseSize } from "./size.ts";

/** What one flag asks for; `options` are OCI mount options. */
export type MountRequest =
  | {
      readonly kind: "bind";
      readonly source: string;
      readonly destination: string;
      readonly options: readonly string[];
      readonly relabel: "no" | "shared" | "private";
    }
  | { readonly kind: "volume"; readonly name: string | undefined; readonly destination: string; readonly options: readonly string[] }
  | { readonly kind: "tmpfs"; readonly destination: string; readonly options: readonly string[] };

export interface DeviceRequest {
  readonly source: string;
  readonly destination: string;
  /** Some of r, w, m. */
  readonly access: string;
}

type Fail = (why: string, hint?: string) => PidboxError;

function failure(value: string, from: string): Fail {
  return (why, hint) => new PidboxError("USAGE", `Cannot use ${quote(value, 120)} for ${from}: ${why}`, { ...(hint === undefined ? {} : { hint }), context: { from } });
}

function checkPath(path: string, what: string, fail: Fail): string {
  if (path.includes("\0") || path.length > 4095) throw fail(`the ${what} has a NUL byte or is longer than 4095 characters`);
  return path;
}

/** Files of /proc that may be covered, as runc has it: lxcfs does so. What lies elsewhere in /proc would hide the kernel's answers (CVE-2019-16884). */
const COVERED = ["cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo", "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled"];

function checkDestination(path: string, fail: Fail): string {
  checkPath(path, "destination", fail);
  if (!path.startsWith("/")) throw fail(`the destination ${quote(path, 60)} is not an absolute path`);
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw fail(`the destination ${quote(path, 60)} has a component ".."`);
  if (parts.length === 0) throw fail("the destination is the root of the container");
  if (parts[0] === "proc" && !COVERED.includes(parts.slice(1).join("/"))) throw fail(`the destination ${quote(path, 60)} is in /proc, which is the kernel's to fill`);
  return `/${parts.join("/")}`;
}

const PROPAGATION = ["private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"];
const ATTRIBUTES = ["exec", "noexec", "suid", "nosuid", "dev", "nodev", "noatime", "relatime", "strictatime", "nosymfollow"];
const IDMAP = ["idmap", "ridmap"];
/** Docker for Mac's caching hints and volume details; without meaning here. */
const IGNORED = ["cached", "delegated", "consistent", "copy", "nocopy"];

/** "ro" covers what is mounted below the source too (`rro`), as in Docker 25 and later: a read-only mount with writable parts misleads. */
function bindOptions(words: readonly string[], recursive: boolean, readonly: boolean): string[] {
  const propagation = words.some((w) => PROPAGATION.includes(w)) ? [] : ["rprivate"];
  return [recursive ? "rbind" : "bind", ...propagation, ...words, ...(readonly ? ["ro", ...(recursive ? ["rro"] : [])] : [])];
}

function isPath(source: string): boolean {
  return source.startsWith("/") || source === "." || source === ".." || source.startsWith("./") || source.startsWith("../");
}

/** One -v value: `SRC:DST[:OPT,...]` with a path (absolute, or starting with `.`) or a volume name, or `DST` alone. Throws PidboxError USAGE. */
export function parseVolume(value: string): MountRequest {
  const fail = failure(value, "--volume");
  const parts = value.split(":");
  if (parts.length > 3) throw fail("there are more than three parts", "Paths with a colon can be given as --mount type=bind,src=...,dst=...");
  const [first = "", second, third] = parts;
  if (second === undefined) return { kind: "volume", name: undefined, destination: checkDestination(first, fail), options: [] };
  if (first === "") throw fail("there is no source");
  const words: string[] = [];
  let relabel: "no" | "shared" | "private" = "no";
  let readonly = false;
  let recursive = true;
  for (const word of third === undefined || third === "" ? [] : third.split(",")) {
    if (word === "ro" || word === "rw") readonly = word === "ro";
    else if (word === "z" || word === "Z") relabel = word === "z" ? "shared" : "private";
    else if (word === "bind" || word === "rbind") recursive = word === "rbind";
    else if (PROPAGATION.includes(word) || ATTRIBUTES.includes(word) || IDMAP.includes(word)) words.push(word);
    else if (!IGNORED.includes(word)) throw fail(`the option ${quote(word, 40)} is not known`);
  }
  const destination = checkDestination(second, fail);
  if (isPath(first)) return { kind: "bind", source: checkPath(first, "source", fail), destination, options: bindOptions(words, recursive, readonly), relabel };
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(first)) throw fail(`the source ${quote(first, 60)} is neither a path nor a volume name`, "Relative paths start with ./");
  return { kind: "volume", name: first, destination, options: [...words, readonly ? "ro" : "rw"] };
}

/** The fields of one CSV line (RFC 4180: a field in double quotes may hold commas, and "" is a quote). */
function csvFields(value: string, fail: Fail): string[] {
  const fields: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const m = pattern.exec(value);
    if (m === null) throw fail("the quotes are not closed or stand in the middle of a field");
    fields.push(m[1] === undefined ? (m[2] ?? "") : m[1].replaceAll('""', '"'));
    if (m[3] !== ",") return fields;
  }
}

const KEYS: Readonly<Record<string, string>> = {
  type: "type", source: "source", src: "source", destination: "destination", dst: "destination", target: "destination", readonly: "readonly", ro: "readonly",
  "bind-propagation": "propagation", "bind-nonrecursive": "nonrecursive", "bind-recursive": "recursive", "tmpfs-size": "size", "tmpfs-mode": "mode",
  relabel: "relabel", consistency: "ignored", "volume-nocopy": "ignored",
};

function truth(value: string | undefined, key: string, fail: Fail): boolean {
  if (value === undefined || value === "true" || value === "1") return true;
  if (value === "false" || value === "0") return false;
  throw fail(`${key} is neither true nor false`);
}

interface Fields {
  readonly get: (key: string) => string | undefined;
  readonly has: (key: string) => boolean;
  readonly on: (key: string) => boolean;
}

function mountFields(value: string, fail: Fail): Fields {
  const found = new Map<string, string | undefined>();
  for (const field of csvFields(value, fail)) {
    const at = field.indexOf("=");
    const word = (at < 0 ? field : field.slice(0, at)).trim().toLowerCase();
    const key = Object.hasOwn(KEYS, word) ? KEYS[word] : undefined;
    if (key === undefined) throw fail(`the field ${quote(word, 40)} is not known`);
    if (at < 0 && !["readonly", "nonrecursive", "ignored"].includes(key)) throw fail(`the field ${word} needs a value`);
    found.set(key, at < 0 ? undefined : field.slice(at + 1));
  }
  return { get: (key) => found.get(key), has: (key) => found.has(key), on: (key) => found.has(key) && truth(found.get(key), key, fail) };
}

function bindRequest(fields: Fields, destination: string, fail: Fail): MountRequest {
  const source = fields.get("source") ?? "";
  if (source === "") throw fail("a bind mount needs a source");
  const propagation = fields.get("propagation");
  if (propagation !== undefined && !PROPAGATION.includes(propagation)) throw fail(`bind-propagation is one of ${PROPAGATION.join(", ")}`);
  const recursion = fields.get("recursive") ?? "enabled";
  if (!["enabled", "disabled", "writable", "readonly"].includes(recursion)) throw fail("bind-recursive is one of enabled, disabled, writable, readonly");
  const relabel = fields.get("relabel") ?? "no";
  if (relabel !== "no" && relabel !== "shared" && relabel !== "private") throw fail("relabel is one of shared, private");
  const options = bindOptions(
    propagation === undefined ? [] : [propagation],
    recursion !== "disabled" && !fields.on("nonrecursive"),
    fields.on("readonly"),
  );
  return {
    kind: "bind",
    source: checkPath(source, "source", fail),
    destination,
    options: recursion === "writable" ? options.filter((o) => o !== "rro") : options,
    relabel,
  };
}

// Docker's defaults for tmpfs; an option that is given later undoes them.
const TMPFS = ["nosuid", "nodev", "noexec"];

function sizeOption(text: string, from: string): string {
  return /^\d{1,3}%$/.test(text) ? `size=${text}` : `size=${parseSize(text, from)}`;
}

function modeOption(text: string, fail: Fail): string {
  if (!/^[0-7]{3,5}$/.test(text)) throw fail(`the mode ${quote(text, 20)} is not octal`);
  return `mode=${text}`;
}

/** One --mount value: `type=bind|tmpfs|volume,src=...,dst=...[,readonly]...` as a CSV line. Without type it is a volume. Throws PidboxError USAGE. */
export function parseMount(value: string): MountRequest {
  const fail = failure(value, "--mount");
  const fields = mountFields(value, fail);
  const type = fields.get("type") ?? "volume";
  const target = fields.get("destination");
  if (target === undefined) throw fail("there is no destination", "Add dst=PATH");
  const destination = checkDestination(target, fail);
  const only = (kind: string, keys: readonly string[]): void => {
    const wrong = keys.find((key) => fields.has(key));
    if (wrong !== undefined && type !== kind) throw fail(`${wrong} is for type=${kind}`);
  };
  only("bind", ["propagation", "nonrecursive", "recursive", "relabel"]);
  only("tmpfs", ["size", "mode"]);
  if (type === "bind") return bindRequest(fields, destination, fail);
  if (type === "tmpfs") {
    if (fields.has("source")) throw fail("a tmpfs has no source");
    const size = fields.get("size");
    const mode = fields.get("mode");
    const data = [...(size === undefined ? [] : [sizeOption(size, "--mount")]), ...(mode === undefined ? [] : [modeOption(mode, fail)])];
    return { kind: "tmpfs", destination, options: [...TMPFS, ...data, ...(fields.on("readonly") ? ["ro"] : [])] };
  }
  if (type !== "volume") throw fail(`the type ${quote(type, 40)} is none of bind, tmpfs, volume`);
  const name = fields.get("source");
  if (name !== undefined && !/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(name)) throw fail(`${quote(name, 60)} is not a volume name`, "Use type=bind for a path");
  return { kind: "volume", name, destination, options: [fields.on("readonly") ? "ro" : "rw"] };
}

/** One --tmpfs value: `DST[:OPT,...]` with mount(8)'s options for tmpfs(5). Throws PidboxError USAGE. */
export function parseTmpfs(value: string): MountRequest {
  const fail = failure(value, "--tmpfs");
  const at = value.indexOf(":");
  const words = at < 0 ? [] : value.slice(at + 1).split(",");
  const options = words.filter((word) => word !== "").map((word) => {
    const [key = "", text] = word.split("=", 2);
    if (key === "size" && text !== undefined) return sizeOption(text, "--tmpfs");
    if (key === "mode" && text !== undefined) return modeOption(text, fail);
    if (["nr_inodes", "nr_blocks", "uid", "gid"].includes(key) && /^\d{1,10}[kmg]?$/i.test(text ?? "")) return word;
    if (text === undefined && (["ro", "rw", "tmpcopyup", "defaults"].includes(word) || ATTRIBUTES.includes(word))) return word;
    throw fail(`the option ${quote(word, 40)} is not known`);
  });
  return { kind: "tmpfs", destination: checkDestination(at < 0 ? value : value.slice(0, at), fail), options: [...TMPFS, ...options] };
}

/** One --device value: `HOST[:CONTAINER][:rwm]`. Throws PidboxError USAGE. */
export function parseDevice(value: string): DeviceRequest {
  const fail = failure(value, "--device");
  const [source = "", second, third, ...more] = value.split(":");
  if (more.length > 0) throw fail("it is not HOST[:CONTAINER][:rwm]");
  if (!source.startsWith("/")) throw fail("the device on the host is not an absolute path");
  const short = second !== undefined && third === undefined && !second.startsWith("/");
  const access = (short ? second : third) ?? "rwm";
  if (!/^[rwm]{1,3}$/.test(access) || new Set(access).size !== access.length) throw fail(`the access ${quote(access, 20)} is not made of r, w and m`);
  return { source: checkPath(source, "device", fail), destination: checkDestination(second === undefined || short ? source : second, fail), access };
}
