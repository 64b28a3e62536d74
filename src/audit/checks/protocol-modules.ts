import type { Answer } from "../../report/finding.ts";
import { finding, pass, unknown } from "../check.ts";
import type { ContainerCheck } from "../check.ts";
import { allOf, CAP, capabilityAccess, familyAccess, moduleAccess, SURFACE_FILES } from "../surface.ts";
import type { Access } from "../surface.ts";

/** Families of sockets by number; SCTP and DCCP are protocols of AF_INET. */
const FAMILIES: Readonly<Record<string, number>> = { rds: 21, can: 29, tipc: 30, rxrpc: 33, smc: 43, sctp: 2, dccp: 2 };
/** Those that ask for CAP_NET_ADMIN in the owner of the network namespace. */
const ADMIN: Readonly<Record<string, number>> = { af_key: 15 };
const TRANSFORMS = ["esp4", "esp6"] as const;

export const check: ContainerCheck = {
  scope: "container",
  id: "K07",
  name: "protocol-modules",
  title: "Protocols that few programs need are in reach",
  severity: "medium",
  why:
    "The kernel loads a protocol's module when a program without any privilege asks for it, and old and rarely tested ones had the holes of 2026: Dirty Frag in ESP, " +
    "RxRPC and RDS. What no program of the host uses is better not to be had.",
  references: ["CVE-2026-43284", "CVE-2026-43500", "CVE-2026-43494", "T1068"],
  remedy: {
    text: "Forbid the modules that nothing on the host uses; IPsec needs esp4 and esp6",
    host: "printf 'install %s /bin/false\\n' rxrpc rds tipc sctp dccp can smc af_key esp4 esp6 > /etc/modprobe.d/rare-protocols.conf",
  },
  reads: { files: Object.values(SURFACE_FILES) },
  evaluate(container, facts): Answer {
    const admin = capabilityAccess(container, facts, CAP.NET_ADMIN, "CAP_NET_ADMIN");
    const accesses: (readonly [string, Access])[] = [
      ...Object.entries(FAMILIES).map(([name, family]) => [name, familyAccess(container, facts, family, name)] as const),
      ...Object.entries(ADMIN).map(([name, family]) => [name, allOf([familyAccess(container, facts, family, name), admin])] as const),
      ...TRANSFORMS.map((name) => [name, allOf([moduleAccess(facts, [name]), admin])] as const),
    ];
    const named = (open: boolean | undefined): string[] => accesses.filter(([, access]) => access.open === open).map(([name]) => name);
    const [open, unclear] = [named(true), named(undefined)];
    const evidence = accesses.map(([name]) => ({ source: `kernel module ${name}`, value: facts.host.kernel.modules.get(name) ?? "unknown" }));
    if (open.length > 0) return finding(open.join(", "), ...evidence);
    if (unclear.length > 0) return unknown(`${unclear.join(", ")}: ${accesses.find(([, access]) => access.open === undefined)?.[1].text ?? ""}`, ...evidence);
    return pass("none of them", ...evidence);
  },
};
