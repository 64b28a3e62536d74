/** Which kernel modules something in a container can bring into the kernel, as depmod's files, modprobe.d and the configuration say. Pure. */
import type { ModuleState } from "./facts.ts";

interface KnownModule {
  /** Its option in the kernel's configuration, without `CONFIG_`. */
  readonly option: string;
  /** What the kernel asks modprobe for when a program wants it. */
  readonly alias: string;
}

/** The modules that checks ask for: protocols that few programs need and that many mistakes were in. */
export const KNOWN_MODULES: Readonly<Record<string, KnownModule>> = {
  af_alg: { option: "CRYPTO_USER_API", alias: "net-pf-38" },
  algif_aead: { option: "CRYPTO_USER_API_AEAD", alias: "algif-aead" },
  tls: { option: "TLS", alias: "tcp-ulp-tls" },
  rxrpc: { option: "AF_RXRPC", alias: "net-pf-33" },
  rds: { option: "RDS", alias: "net-pf-21" },
  tipc: { option: "TIPC", alias: "net-pf-30" },
  sctp: { option: "IP_SCTP", alias: "net-pf-2-proto-132" },
  dccp: { option: "IP_DCCP", alias: "net-pf-2-proto-33-type-6" },
  can: { option: "CAN", alias: "net-pf-29" },
  smc: { option: "SMC", alias: "net-pf-43" },
  vsock: { option: "VSOCKETS", alias: "net-pf-40" },
  af_key: { option: "NET_KEY", alias: "net-pf-15" },
  esp4: { option: "INET_ESP", alias: "xfrm-type-2-50" },
  esp6: { option: "INET6_ESP", alias: "xfrm-type-10-50" },
  nf_tables: { option: "NF_TABLES", alias: "nfnetlink-subsys-10" },
};

/** Texts of files; a number is -errno. */
export interface ModuleFiles {
  readonly loaded: string | number;
  readonly builtin: string | number;
  readonly dependencies: string | number;
  readonly aliases: string | number;
  readonly rules: readonly string[];
  readonly config: ReadonlyMap<string, string> | number;
  /** Text of /proc/sys/kernel/modules_disabled. */
  readonly disabled: string | number;
}

const ENOENT = -2;
const plain = (name: string): string => name.replaceAll("-", "_");

/** Names that a list of `kernel/net/tls/tls.ko.xz` or `tls.ko: ...` has; each line once. */
function listed(text: string, name: string): boolean {
  return new RegExp(`(^|/)${name.replaceAll("_", "[-_]")}\\.ko(\\.[a-z0-9]+)?(:|$)`, "m").test(text);
}

interface Rules {
  readonly blacklisted: ReadonlySet<string>;
  readonly replaced: ReadonlySet<string>;
  /** Aliases that lead to no module. */
  readonly off: ReadonlySet<string>;
}

/** What modprobe.d(5) forbids. `install` counts where the command is one that does nothing. */
export function parseModprobe(texts: readonly string[]): Rules {
  const rules = { blacklisted: new Set<string>(), replaced: new Set<string>(), off: new Set<string>() };
  for (const line of texts.flatMap((text) => text.replaceAll("\\\n", " ").split("\n", 20_000))) {
    const [command, name, value] = line.trim().split(/[ \t]+/, 3);
    if (name === undefined) continue;
    if (command === "blacklist") rules.blacklisted.add(plain(name));
    if (command === "install" && /^(\/usr)?\/s?bin\/(false|true|nologin)$|^:$/.test(value ?? "")) rules.replaced.add(plain(name));
    if (command === "alias" && value === "off") rules.off.add(name);
  }
  return rules;
}

function stateOf(name: string, { option, alias }: KnownModule, files: ModuleFiles, rules: Rules): ModuleState {
  const { loaded, builtin, dependencies, aliases, config, disabled } = files;
  const configured = typeof config === "number" ? undefined : (config.get(`CONFIG_${option}`) ?? "n");
  if (typeof loaded === "string" && new RegExp(`^${name} `, "m").test(loaded)) return "loaded";
  if (configured === "y" || (typeof builtin === "string" && listed(builtin, name))) return "built-in";
  if (configured === "n") return "absent";
  // Without /proc/modules the kernel loads none.
  if (loaded === ENOENT) return configured === undefined ? "unknown" : "absent";
  if (disabled === "1") return "disabled";
  if (typeof dependencies === "number") return dependencies === ENOENT && configured === "m" ? "absent" : "unknown";
  if (!listed(dependencies, name)) return typeof builtin === "string" ? "absent" : "unknown";
  if (rules.replaced.has(name)) return "disabled";
  if (rules.off.has(alias) || rules.blacklisted.has(name)) return "manual";
  if (typeof aliases === "number") return "unknown";
  return aliases.includes(`alias ${alias} `) ? "loadable" : "manual";
}

export function moduleStates(files: ModuleFiles): Map<string, ModuleState> {
  const rules = parseModprobe(files.rules);
  return new Map(Object.entries(KNOWN_MODULES).map(([name, module]) => [name, stateOf(name, module, files, rules)]));
}

/** Whether a program without privileges brings it into the kernel or finds it there; undefined is unknown. */
export function isReachable(state: ModuleState | undefined): boolean | undefined {
  if (state === undefined || state === "unknown") return undefined;
  return state === "built-in" || state === "loaded" || state === "loadable";
}
