import { finding, inapplicable, pass, saw } from "../check.ts";
import type { HostCheck } from "../check.ts";

export const check: HostCheck = {
  scope: "host",
  id: "U03",
  name: "engine-deleted",
  title: "An engine runs a program that was replaced",
  severity: "medium",
  why: "After an update the old program runs on until it is restarted, with the holes that the update was made for. Shims live as long as their containers.",
  references: ["T1068"],
  remedy: { text: "Restart the engine; a shim goes with its container", host: "systemctl restart docker containerd", docker: "docker restart CONTAINER" },
  evaluate({ host: { engines } }) {
    const running = engines.programs.filter(({ pids }) => pids.length > 0);
    if (running.length === 0) return inapplicable("no engine runs");
    const old = running.filter(({ deleted }) => deleted);
    if (old.length === 0) return pass("each runs the program that is installed", ...running.map(({ path, pids }) => saw(`/proc/${pids[0] ?? 0}/exe`, path)));
    return old.map(({ path, pids, version }) => {
      const which = `PID ${pids.slice(0, 5).join(", ")}${pids.length > 5 ? ` and ${pids.length - 5} more` : ""}`;
      return finding(`${path}${version === undefined ? "" : ` ${version}`}: ${which}`, saw(`/proc/${pids[0] ?? 0}/exe`, `${path} (deleted)`));
    });
  },
};
