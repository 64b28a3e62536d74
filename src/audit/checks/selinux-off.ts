import type { Answer } from "../../report/finding.ts";
import { evidenceOf, finding, inapplicable, pass, saw, unknown } from "../check.ts";
import type { ContainerCheck } from "../check.ts";
import type { ContainerFacts } from "../facts.ts";

const ENFORCE = "/sys/fs/selinux/enforce";
/** Types that confine containers, as container-selinux names them; PSS baseline accepts those that begin with container. */
const CONFINED = /^(container(_[a-z_]+)?_t|svirt_(lxc_net|sandbox|qemu_net|kvm_net)_t|openshift_t)$/;

interface Label {
  readonly type: string;
  /** MCS categories, such as `c12,c830`; empty without. */
  readonly categories: string;
}

function parseLabel(label: string): Label | undefined {
  const match = /^[a-z0-9_]{1,60}:[a-z0-9_]{1,60}:([a-z0-9_]{1,60})(?::s[0-9]{1,2}(?:-s[0-9]{1,2})?(?::(c[0-9.,c]{1,200}))?)?$/.exec(label);
  return match?.[1] === undefined ? undefined : { type: match[1], categories: match[2] ?? "" };
}

const labelOf = ({ first }: ContainerFacts): Label | undefined => (typeof first?.label === "string" ? parseLabel(first.label) : undefined);

export const check: ContainerCheck = {
  scope: "container",
  id: "Q03",
  name: "selinux-off",
  title: "SELinux does not confine the container",
  severity: "high",
  why:
    "SELinux keeps a process that broke out of all other walls away from the host's files, by its type, and from those of other containers, by a pair of categories of its own. " +
    "Permissive it only records; with a type such as spc_t it forbids nothing.",
  references: ["CIS Docker 5.3", "PSS baseline (seLinuxOptions)", "T1611"],
  remedy: {
    text: "Enforce, and let the engine choose type and categories",
    docker: "docker run   # without --security-opt label=disable; dockerd --selinux-enabled",
    podman: "podman run   # without --security-opt label=disable",
    kubernetes: "# leave seLinuxOptions.type out",
    host: "setenforce 1",
  },
  reads: { files: [ENFORCE] },
  evaluate(container, { host, containers }): Answer | Answer[] {
    const modules = host.kernel.securityModules;
    if (typeof modules === "number") return unknown("which security modules are active is not known", evidenceOf("lsm_list_modules()", modules));
    if (!modules.includes("selinux")) return inapplicable("SELinux is not active on this host", saw("lsm_list_modules()", modules.join(",")));
    const enforce = host.files.get(ENFORCE);
    if (enforce === "0") return finding("it is permissive: it records and forbids nothing", saw(ENFORCE, enforce));
    if (enforce !== "1") return unknown("whether SELinux enforces could not be read", evidenceOf(ENFORCE, enforce ?? "not read"));
    const text = container.first?.label ?? "";
    const evidence = evidenceOf(`/proc/${container.container.initPid ?? 0}/attr/current`, text);
    const label = labelOf(container);
    if (label === undefined) return unknown("its label could not be read", evidence);
    if (!CONFINED.test(label.type)) return finding(`its type is ${label.type}`, evidence);
    const twin = label.categories === "" ? undefined : containers.find((other) => {
      const own = labelOf(other);
      // Containers of one pod share their categories on purpose.
      const apart = other !== container && (other.container.pod === null || other.container.pod !== container.container.pod);
      return apart && own?.categories === label.categories && own.type === label.type;
    });
    if (twin !== undefined) return { ...finding(`another container has the same categories ${label.categories}: ${twin.container.id}`, evidence), severity: "medium" };
    return pass(`${label.type} ${label.categories}`.trim(), evidence);
  },
};
