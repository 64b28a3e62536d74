import type { Answer } from "../../report/finding.ts";
import { inapplicable, pass, unknown } from "../check.ts";
import type { HostCheck } from "../check.ts";
import { programEvidence, upstreamVersion } from "../cve/program-fix.ts";

export const check: HostCheck = {
  scope: "host",
  id: "U01",
  name: "engine-versions",
  title: "The version of an engine's program is not known",
  severity: "info",
  why: "What is known of a version's holes helps only whoever knows the version. It is read from the program's build information and from its package; nothing is executed.",
  references: ["CIS Docker 1.2.2"],
  remedy: { text: "Install the program from a package, or from a build that keeps its version" },
  evaluate({ host: { engines } }) {
    if (engines.programs.length === 0) return inapplicable("no program of an engine was found");
    return engines.programs.map((program): Answer => {
      const version = upstreamVersion(program);
      const running = program.pids.length === 0 ? "" : `, ${program.pids.length} running`;
      if (version === undefined) return unknown(`${program.path}${running}`, programEvidence(program));
      return pass(`${program.name} ${version}${running}`, programEvidence(program));
    });
  },
};
