import { PidboxError } from "../../base/error.ts";
import { parseDockerConfig } from "../../engine/installed-config.ts";
import type { Severity } from "../../report/finding.ts";
import { evidenceOf, finding, inapplicable, pass, saw, unknown } from "../check.ts";
import type { HostCheck } from "../check.ts";

const DAEMON = "/etc/docker/daemon.json";
const ENOENT = -2;
const SEVERITY: Readonly<Record<string, Severity>> = { "seccomp-profile": "high", "insecure-registries": "medium", "hosts": "critical" };
/** The option of dockerd for each key, where the key is a list the singular (dockerd(8)). */
const OPTION: Readonly<Record<string, string>> = { "userns-remap": "--userns-remap", "icc": "--icc=false", "no-new-privileges": "--no-new-privileges" };

function parsed(source: string): ReturnType<typeof parseDockerConfig> | string {
  try {
    return parseDockerConfig(source);
  } catch (error) {
    if (error instanceof PidboxError && error.code === "PARSE") return error.message;
    throw error;
  }
}

export const check: HostCheck = {
  scope: "host",
  id: "U06",
  name: "engine-settings",
  title: "Docker isolates less than it could",
  severity: "low",
  why: "Settings of the daemon hold for every container that says nothing else. Each of these makes one of the walls lower for all of them, for the sake of what few need.",
  references: ["CIS Docker 2.2", "CIS Docker 2.9", "CIS Docker 2.14", "CIS Docker 2.4"],
  remedy: { text: "Set them in daemon.json and restart the daemon", host: "\"userns-remap\": \"default\", \"icc\": false, \"no-new-privileges\": true   # in /etc/docker/daemon.json" },
  reads: { files: [DAEMON] },
  evaluate({ host: { engines, files } }) {
    if (!engines.programs.some(({ name }) => name === "dockerd")) return inapplicable("there is no dockerd");
    const command = engines.commands.get("dockerd") ?? [];
    const place = /--config-file[= ](\S+)/.exec(command.join(" "))?.[1] ?? DAEMON;
    if (place !== DAEMON) return unknown(`dockerd reads its settings from ${place}`, saw("/proc/PID/cmdline", command.join(" ").slice(0, 200)));
    const text = files.get(DAEMON);
    if (typeof text === "number" && text !== ENOENT) return unknown("daemon.json could not be read", evidenceOf(DAEMON, text));
    const config = parsed(typeof text === "string" ? text : "");
    if (typeof config === "string") return unknown(config, saw(DAEMON, ""));
    const weak = config.weak.filter(({ key }) => !command.some((word) => OPTION[key] !== undefined && word.startsWith(OPTION[key])));
    if (weak.length === 0) return pass("userns-remap, icc and no-new-privileges are set");
    return weak.map(({ key, value, reason }) => ({ ...finding(`${key}: ${reason}`, saw(DAEMON, `${key}: ${value}`)), severity: SEVERITY[key] ?? "low" }));
  },
};
