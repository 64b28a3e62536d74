import { CAPABILITIES, capabilityNames } from "../../kernel/abi/capabilities.ts";
import type { NamespaceType } from "../../kernel/namespaces.ts";
import type { Answer } from "../../report/finding.ts";
import type { Config } from "../../spec/runtime-config.ts";
import type { ContainerCheck } from "../check.ts";
import { evidenceOf, finding, inapplicable, pass, saw } from "../check.ts";
import type { ContainerFacts } from "../facts.ts";
import { leastLimit } from "../limits.ts";

const TYPES: Readonly<Record<string, NamespaceType>> = {
  pid: "pid", network: "net", mount: "mnt", ipc: "ipc", uts: "uts", user: "user", cgroup: "cgroup", time: "time",
};

function namespaceDrift(config: Config, { container }: ContainerFacts): readonly Answer[] {
  const types = (config.linux?.namespaces ?? []).filter(({ path }) => path === undefined).map(({ type }) => TYPES[type]);
  const shared = types.filter((type) => type !== undefined && container.sharedWithHost.includes(type));
  return shared.map((type) => finding(`a new ${type ?? ""} namespace was declared, and it has the host's`, saw(`/proc/${container.initPid ?? 0}/ns/${type ?? ""}`, "")));
}

function privilegeDrift(config: Config, { first, container }: ContainerFacts): readonly Answer[] {
  if (first === undefined) return [];
  const { status, label } = first;
  const source = `/proc/${container.initPid ?? 0}/status`;
  const answers: Answer[] = [];
  const names = config.process?.capabilities?.bounding;
  const declared = (names ?? []).reduce((mask, name) => {
    const bit = (CAPABILITIES as readonly string[]).indexOf(name);
    return bit < 0 ? mask : mask | (1n << BigInt(bit));
  }, 0n);
  const more = names === undefined ? [] : capabilityNames(status.capabilities.bounding & ~declared);
  const shown = more.slice(0, 6).join(", ") + (more.length > 6 ? ` and ${more.length - 6} more` : "");
  if (more.length > 0) answers.push(finding(`not declared: ${shown}`, saw(source, `CapBnd: ${status.capabilities.bounding.toString(16)}`)));
  if (config.linux?.seccomp !== undefined && status.seccomp === 0) answers.push(finding("a seccomp filter was declared, and there is none", saw(source, "Seccomp: 0")));
  if (config.process?.noNewPrivileges === true && status.noNewPrivileges === false) answers.push(finding("no_new_privs was declared, and is off", saw(source, "NoNewPrivs: 0")));
  const profile = config.process?.apparmorProfile;
  const named = typeof label === "string" ? label.replace(/ \([a-z]+\)$/, "") : undefined;
  // A host without AppArmor has no label to compare.
  if (profile !== undefined && profile !== "" && named !== undefined && named !== "" && named !== profile) {
    answers.push(finding(`the AppArmor profile ${profile} was declared, and it has ${named}`, saw(`/proc/${container.initPid ?? 0}/attr/current`, named)));
  }
  return answers;
}

function limitDrift(config: Config, facts: ContainerFacts): readonly Answer[] {
  const { memory, pids } = config.linux?.resources ?? {};
  const compare = (what: string, wanted: number | bigint | undefined, place: Parameters<typeof leastLimit>[1]): readonly Answer[] => {
    if (wanted === undefined || wanted <= 0) return [];
    const { value, evidence } = leastLimit(facts, place);
    return value !== undefined && value > Number(wanted) ? [finding(`the limit of ${what} was declared as ${wanted}, and is ${value}`, ...evidence)] : [];
  };
  return [
    ...compare("memory", memory?.limit, { controller: "memory", v1: "memory.limit_in_bytes", v2: "memory.max" }),
    ...compare("processes", pids?.limit, { controller: "pids", v1: "pids.max", v2: "pids.max" }),
  ];
}

function rootDrift(config: Config, { mounts, container }: ContainerFacts): readonly Answer[] {
  const root = typeof mounts === "number" ? undefined : mounts.findLast(({ mountPoint }) => mountPoint === "/");
  if (config.root?.readonly !== true || root === undefined || root.options.includes("ro") || root.superOptions.includes("ro")) return [];
  return [finding("a read-only root was declared, and it can be written", saw(`/proc/${container.initPid ?? 0}/mountinfo`, `/ ${root.options.join(",")}`))];
}

export const check: ContainerCheck = {
  scope: "container",
  id: "V01",
  name: "declared-drift",
  title: "The container is not what was declared",
  severity: "high",
  why:
    "What engines show is what they asked for. Where the kernel has something else, a runtime dropped it, somebody changed it since, or the container did: every tool that reads the declaration is wrong about it (moby#47499).",
  references: ["T1611"],
  remedy: {
    text: "Start it again, and look why: an update by hand, another runtime than was thought, or an attack",
    docker: "docker rm -f NAME && docker run ...",
    podman: "podman rm -f NAME && podman run ...",
    kubernetes: "kubectl delete pod NAME",
  },
  evaluate(facts) {
    const { declared } = facts;
    if (declared === undefined) return inapplicable("no engine's declaration of it was found", saw("config.json", ""));
    const { source, config } = declared;
    if (typeof config === "number") return { verdict: "unknown", text: "the declaration could not be read", evidence: [evidenceOf(source, config)] };
    const drift = [...namespaceDrift(config, facts), ...privilegeDrift(config, facts), ...limitDrift(config, facts), ...rootDrift(config, facts)];
    if (drift.length > 0) return drift.map((answer) => ({ ...answer, evidence: [...answer.evidence, saw(source, "")] }));
    return pass("namespaces, capabilities, filter, label, limits and root are as declared", saw(source, ""));
  },
};
