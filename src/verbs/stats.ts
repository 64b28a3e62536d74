/** `stats`: what containers use, now and as it goes on. */
import { binarySize, decimalSize } from "../base/size-text.ts";
import { columns, printable } from "../base/text.ts";
import { readSurvey, shortId } from "../engine/discover-survey.ts";
import { machineMemory, readUsage } from "../engine/usage.ts";
import type { Usage } from "../engine/usage.ts";
import { pause } from "../kernel/wait.ts";
import { rowPrinter } from "./row-format.ts";
import type { Row } from "./row-format.ts";
import { containerOf, containersOf, readStoredOf, stateRootOf } from "./stored-containers.ts";
import type { FoundContainer } from "./stored-containers.ts";
import type { Context, Verb } from "./verb.ts";

/** Between two looks, in milliseconds. */
const INTERVAL = 1000;

const HEADINGS = {
  Container: "CONTAINER", ID: "CONTAINER ID", Name: "NAME", CPUPerc: "CPU %", MemUsage: "MEM USAGE / LIMIT", MemPerc: "MEM %", NetIO: "NET I/O", BlockIO: "BLOCK I/O",
  PIDs: "PIDS",
} as const;

interface Sample {
  /** Milliseconds on the clock that only goes on. */
  readonly at: number;
  readonly usage: Usage | undefined;
}

function sampleOf({ id, state, status, life }: FoundContainer, context: Context): Sample {
  if (life !== "running" || status === undefined) return { at: performance.now(), usage: undefined };
  const network = state.blueprint.config.linux?.namespaces?.some(({ type }) => type === "network") ?? false;
  const processes = (): readonly number[] => readSurvey(readStoredOf(context)).containers.find((one) => one.id === id)?.processes ?? [];
  const usage = readUsage({ cgroups: state.cgroups, pid: status.pid, network, processes });
  return { at: performance.now(), usage };
}

function percent(part: number, whole: number): string {
  return `${(whole <= 0 ? 0 : (part / whole) * 100).toFixed(2)}%`;
}

/** One row under docker's names, where `most` is the memory of the machine; of what does not run everything is 0, as docker has it. */
function rowOf({ id, name }: Pick<FoundContainer, "id" | "name">, reference: string, before: Sample, now: Sample, most: number): Row {
  const { usage = { received: 0, sent: 0, cpu: 0, memory: 0, pids: 0, read: 0, written: 0 } } = now;
  const limit = now.usage === undefined ? 0 : Math.min(usage.limit ?? Infinity, most);
  const { cpu, memory, pids, read, written } = usage;
  const spent = cpu === undefined ? undefined : Math.max(0, cpu - (before.usage?.cpu ?? cpu));
  return {
    Container: reference, ID: shortId(id), Name: name, CPUPerc: spent === undefined ? "--" : percent(spent / 1e6, now.at - before.at),
    MemUsage: `${memory === undefined ? "--" : binarySize(memory)} / ${binarySize(limit)}`, MemPerc: memory === undefined ? "--" : percent(memory, limit),
    NetIO: `${decimalSize(usage.received)} / ${decimalSize(usage.sent)}`,
    BlockIO: `${read === undefined ? "--" : decimalSize(read)} / ${written === undefined ? "--" : decimalSize(written)}`, PIDs: pids === undefined ? "--" : String(pids),
  };
}

function tableOf(rows: readonly Row[]): string {
  const { Container: _reference, ...shown } = HEADINGS;
  return columns([Object.values(shown), ...rows.map((row) => Object.keys(shown).map((key) => printable(String(row[key]))))]);
}

/** Looks at containers again and again. */
class Watch {
  readonly #context: Context;
  readonly #root: string;
  readonly #references: readonly string[];
  readonly #all: boolean;
  #before = new Map<string, Sample>();

  constructor(context: Context, references: readonly string[], all: boolean) {
    [this.#context, this.#root, this.#references, this.#all] = [context, stateRootOf(context), references, all];
  }

  #found(): (readonly [string, FoundContainer])[] {
    if (this.#references.length > 0) return this.#references.map((reference) => [reference, containerOf(this.#root, reference)] as const);
    const found = containersOf(this.#root).map((container) => [shortId(container.id), container] as const);
    return found.filter(([, { life }]) => this.#all || life === "running");
  }

  /** Rows for now, since the look before; `runs` whether any of them runs. */
  look(): { rows: Row[]; runs: boolean } {
    const samples = new Map<string, Sample>();
    const found = this.#found();
    const most = machineMemory();
    const rows = found.map(([reference, container]) => {
      const now = sampleOf(container, this.#context);
      samples.set(container.id, now);
      return rowOf(container, reference, this.#before.get(container.id) ?? now, now, most);
    });
    this.#before = samples;
    return { rows, runs: found.some(([, { life }]) => life === "running") };
  }
}

export const stats: Verb = {
  name: "stats",
  summary: "Show what containers use of CPU, memory, network and disk",
  description:
    "The counters of their cgroups; where a container has none, what its processes have now: then memory that several of them share counts several times. Memory is without the "
    + "part of the page cache that is the first to go, as with docker. Every second anew until it is interrupted or, of containers that are named, none runs any more.",
  options: [
    { name: "all", short: "a", help: "Also those that do not run" },
    { name: "no-stream", help: "Once only; it takes a second, for what is used is the difference of two looks" },
    { name: "no-trunc", help: "Taken for docker's sake: nothing is cut" },
    { name: "format", value: "FORMAT", help: "table, json, or a template such as {{.Name}}: {{.CPUPerc}}, with \"table \" before it for a heading" },
  ],
  operands: [{ name: "CONTAINER", help: "Name or id; none is all that run", repeat: true }],
  examples: [
    { command: "pidbox stats --no-stream", text: "What each uses now" },
    { command: "pidbox stats --format '{{.Name}} {{.MemUsage}}' web", text: "The memory of one, every second" },
  ],
  run(args, context) {
    const format = args.value("format");
    const print = rowPrinter(format, HEADINGS) ?? tableOf;
    const watch = new Watch(context, args.operands, args.flag("all"));
    watch.look();
    pause(INTERVAL);
    if (args.flag("no-stream")) {
      const { rows } = watch.look();
      return { exit: 0, data: rows, text: () => print(rows) };
    }
    const text = (rows: readonly Row[]): string => (format === "json" ? rows.map((row) => `${JSON.stringify(row)}\n`).join("") : print(rows));
    // A terminal is written over from its top, as docker does.
    const begin = context.terminal.stdout && format !== "json" ? "\u001B[H\u001B[2J" : "";
    for (;;) {
      const { rows, runs } = watch.look();
      if (!runs && args.operands.length > 0) return { exit: 0 };
      if (context.write(1, new TextEncoder().encode(begin + text(rows))) < 0) return { exit: 1 };
      pause(INTERVAL);
    }
  },
};
