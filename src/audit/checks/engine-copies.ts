import { finding, inapplicable, pass, saw } from "../check.ts";
import type { HostCheck } from "../check.ts";

export const check: HostCheck = {
  scope: "host",
  id: "U02",
  name: "engine-copies",
  title: "There are several copies of an engine's program",
  severity: "low",
  why: "Updates reach the copy that the package brought, and what runs may be another: from a snap, from k3s, or from /usr/local. The old one keeps its holes, and nobody looks at it.",
  references: ["T1068"],
  remedy: { text: "Remove the copies that nothing uses, and update the others by their own way" },
  evaluate({ host: { engines } }) {
    if (engines.programs.length === 0) return inapplicable("no program of an engine was found");
    const names = [...new Set(engines.programs.map(({ name }) => name))];
    const several = names.flatMap((name) => {
      const paths = [...new Set(engines.programs.filter((program) => program.name === name && !program.deleted).map(({ path }) => path))];
      return paths.length > 1 ? [finding(`${name}: ${paths.join(", ")}`, ...paths.map((path) => saw(path, name)))] : [];
    });
    return several.length > 0 ? several : pass(`one of each: ${names.join(", ")}`);
  },
};
