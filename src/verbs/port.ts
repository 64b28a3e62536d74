/** `port`: where the published ports of a container are reached. */
import { EXIT, PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { readPublished } from "../engine/published-ports.ts";
import { socketText } from "../spec/publish.ts";
import { containerOf, stateRootOf } from "./stored-containers.ts";
import type { Verb } from "./verb.ts";

/** `80` or `80/tcp` as docker's name of a port. Throws USAGE. */
function parsePort(text: string): string {
  const [, number = "", protocol = "tcp"] = /^(\d{1,5})(?:\/([A-Za-z]+))?$/.exec(text) ?? [];
  const word = protocol.toLowerCase();
  if (number === "" || Number(number) > 65535) throw new PidboxError("USAGE", `Cannot use ${quote(text, 40)} as port: it is no number up to 65535`, { hint: "80, or 80/tcp" });
  if (!["tcp", "udp", "sctp"].includes(word)) throw new PidboxError("USAGE", `Cannot use ${quote(text, 40)} as port: ${quote(protocol, 20)} is no protocol`, { hint: "80, or 80/tcp" });
  return `${Number(number)}/${word}`;
}

export const port: Verb = {
  name: "port",
  summary: "Show where the published ports of a container are reached",
  description: "A line for each port that pidbox run -p has published, of a container that runs: the container's port, and address and port of the host. With PORT the latter alone.",
  options: [{ name: "format", value: "FORMAT", choices: ["table", "json"], help: "How to print: table for people, json for programs, one object a line" }],
  operands: [{ name: "CONTAINER", help: "Name or id", required: true }, { name: "PORT", help: "Of the container: 80, or 80/tcp" }],
  examples: [
    { command: "pidbox port web", text: "80/tcp -> 127.0.0.1:49153" },
    { command: "curl http://$(pidbox port web 80)/", text: "The port that the kernel has chosen" },
  ],
  exitCodes: [{ code: EXIT.ok, text: "it was shown" }, { code: EXIT.failure, text: "there is no such container, or it does not publish this port" }],
  run(args, context) {
    const [reference = "", wanted, more] = args.operands;
    if (more !== undefined) throw new PidboxError("USAGE", "It takes a container and one port", { hint: "pidbox port CONTAINER [PORT]" });
    const { directory, name, state, life } = containerOf(stateRootOf(context), reference);
    const asked = wanted === undefined ? undefined : parsePort(wanted);
    const open = (life === "running" ? readPublished(directory, state) : undefined) ?? [];
    const found = open.filter((one) => asked === undefined || `${one.port}/tcp` === asked);
    if (asked !== undefined && found.length === 0) {
      throw new PidboxError("NOT_FOUND", `No public port '${asked}' published for ${name}`, {
        hint: life === "running" ? "pidbox port without PORT lists those that are; pidbox run -p publishes them" : "The container does not run",
      });
    }
    const rows = found.toSorted((a, b) => a.port - b.port);
    const data = rows.map((one) => ({ ContainerPort: `${one.port}/tcp`, HostIp: one.address, HostPort: String(one.hostPort) }));
    const line = (one: (typeof rows)[number]): string => `${asked === undefined ? `${one.port}/tcp -> ` : ""}${socketText(one.address, one.hostPort)}\n`;
    return { exit: EXIT.ok, data, text: () => rows.map(line).join("") };
  },
};
