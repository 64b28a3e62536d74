/** Flag words of system calls as their kernel names, for explanations. Pure. */
import { AT, CLONE, OPEN, OPEN_TREE, PR, RESOLVE } from "../kernel/abi/constants.ts";
import { MOUNT_ATTR, MS } from "../kernel/abi/mount.ts";

interface FlagTable {
  readonly prefix: string;
  readonly flags: Readonly<Record<string, number>>;
}

const CONFIG = ["SET_FLAG", "SET_STRING", "SET_BINARY", "SET_PATH", "SET_PATH_EMPTY", "SET_FD", "CMD_CREATE", "CMD_RECONFIGURE"];
const { ATIME: _atime, RELATIME: _relatime, ...ATTRIBUTES } = MOUNT_ATTR;

const TABLES: Readonly<Record<string, FlagTable>> = {
  open: { prefix: "O_", flags: OPEN },
  resolve: { prefix: "RESOLVE_", flags: RESOLVE },
  at: {
    prefix: "AT_",
    flags: { SYMLINK_NOFOLLOW: AT.SYMLINK_NOFOLLOW, REMOVEDIR: AT.REMOVEDIR, EMPTY_PATH: AT.EMPTY_PATH, RECURSIVE: AT.RECURSIVE },
  },
  tree: {
    prefix: "",
    flags: { OPEN_TREE_CLONE: OPEN_TREE.CLONE, OPEN_TREE_CLOEXEC: OPEN_TREE.CLOEXEC, AT_EMPTY_PATH: AT.EMPTY_PATH, AT_RECURSIVE: AT.RECURSIVE },
  },
  attr: { prefix: "MOUNT_ATTR_", flags: ATTRIBUTES },
  propagation: { prefix: "MS_", flags: { PRIVATE: MS.PRIVATE, SLAVE: MS.SLAVE, SHARED: MS.SHARED, UNBINDABLE: MS.UNBINDABLE } },
  clone: { prefix: "CLONE_", flags: CLONE },
};

const PRCTL = Object.fromEntries(Object.entries(PR).filter(([name]) => !name.startsWith("CAP_AMBIENT_")).map(([name, value]) => [value, `PR_${name}`]));

function has(word: number, bit: number): boolean {
  return Math.floor(word / bit) % 2 === 1;
}

/** `word` as names joined by `|`; what has no name stays a number. */
export function flagText(table: string, word: number): string {
  if (table === "config") return CONFIG[word] ?? String(word);
  if (table === "prctl") return PRCTL[word] ?? String(word);
  const known = TABLES[table];
  if (known === undefined || word <= 0) return String(word);
  let rest = word;
  const names: string[] = [];
  for (const [name, bit] of Object.entries(known.flags)) {
    if (bit === 0 || !has(rest, bit)) continue;
    names.push(known.prefix !== "" ? known.prefix + name : name);
    rest -= bit;
  }
  if (rest !== 0 || names.length === 0) names.push(rest > 9 ? `0x${rest.toString(16)}` : String(rest));
  return names.join("|");
}
