/** Whether a vulnerability of the kernel is in reach of a container. Pure. */
import type { AuditFacts, ContainerFacts } from "../facts.ts";
import {
  type Access, algAccess, allOf, bpfAccess, CAP, capabilityAccess, familyAccess, ioUringAccess, ipv6Access, ktlsAccess, legacyCgroupAccess, moduleAccess,
  perfAccess, ptraceAccess, userNamespaces, vsockAccess,
} from "../surface.ts";
import type { CveRecord, Need } from "./data.ts";

const FAMILY = { RDS: 21, RXRPC: 33 } as const;

/** ESP of either protocol will do. */
function espAccess(facts: AuditFacts): Access {
  const [four, six] = [moduleAccess(facts, ["esp4"]), moduleAccess(facts, ["esp6"])];
  return four.open === true || six.open === false ? four : six;
}

const ACCESS: Readonly<Record<Need, (container: ContainerFacts, facts: AuditFacts) => Access>> = {
  "user-namespace": userNamespaces,
  "sys-admin": (container, facts) => capabilityAccess(container, facts, CAP.SYS_ADMIN, "CAP_SYS_ADMIN"),
  "net-admin": (container, facts) => capabilityAccess(container, facts, CAP.NET_ADMIN, "CAP_NET_ADMIN"),
  "net-raw": (container, facts) => capabilityAccess(container, facts, CAP.NET_RAW, "CAP_NET_RAW"),
  "af-alg": (container, facts) => algAccess(container, facts, ["af_alg", "algif_aead"]),
  "vsock": vsockAccess,
  "io-uring": ioUringAccess,
  "bpf": bpfAccess,
  "perf": perfAccess,
  "ktls": ktlsAccess,
  "rds": (container, facts) => familyAccess(container, facts, FAMILY.RDS, "rds"),
  "rxrpc": (container, facts) => familyAccess(container, facts, FAMILY.RXRPC, "rxrpc"),
  "esp": (_container, facts) => espAccess(facts),
  "nf-tables": (_container, facts) => moduleAccess(facts, ["nf_tables"]),
  "ipv6": ipv6Access,
  "cgroup-v1": legacyCgroupAccess,
  "ptrace": ptraceAccess,
};

/** A reader of surfaces that asks for each once per container. */
export function reachOf(container: ContainerFacts, facts: AuditFacts): (record: CveRecord) => Access {
  const known = new Map<Need, Access>();
  return ({ needs }) =>
    allOf((needs ?? []).map((need) => {
      const access = known.get(need) ?? ACCESS[need](container, facts);
      known.set(need, access);
      return access;
    }));
}
