/** Properties of the parsers of /proc and of discovery: any text gives a value or our own error, and any facts give an answer. */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { PidboxError } from "../../src/base/error.ts";
import { discover } from "../../src/engine/discover.ts";
import { survey } from "../../src/engine/discover-survey.ts";
import { locate, namespaceTree, type NamespaceNode } from "../../src/engine/discover-tree.ts";
import { recogniseCgroup, recogniseParent } from "../../src/engine/recognition.ts";
import { parseCgroupLayout, parseSelfCgroup } from "../../src/kernel/cgroup.ts";
import { parseMountinfo } from "../../src/kernel/mountinfo.ts";
import { idInside, idOutside, parseIdMap, parseNamespaceLink } from "../../src/kernel/namespaces.ts";
import { parseCommandLine } from "../../src/kernel/process-list.ts";
import { parseProcessStat, parseProcessStatus } from "../../src/kernel/process-status.ts";
import { parsePasswd } from "../../src/kernel/users.ts";
import { type CapturedHost, fixture } from "../fixtures/proc/load.ts";
import { type Made, makeFacts } from "../fixtures/proc/synthetic.ts";

const numRuns = process.env["PIDBOX_FUZZ"] === "smoke" ? 100 : 1000;
const captured = Object.values((JSON.parse(fixture("host.json")) as CapturedHost).processes);
const seeds = captured.flatMap((p) => [p.status, p.stat, p.cgroup, p.uidMap ?? ""]).concat(fixture("mountinfo-docker.txt"), fixture("mountinfo-hybrid.txt"));

/** A captured text with a piece cut out and other bytes put in. */
const mutated = fc.tuple(fc.constantFrom(...seeds), fc.nat(), fc.nat({ max: 40 }), fc.string({ unit: "binary", maxLength: 40 })).map(([text, at, cut, put]) => {
  const place = at % (text.length + 1);
  return text.slice(0, place) + put + text.slice(place + cut);
});
const anyText = fc.oneof(fc.string({ unit: "binary" }), mutated, fc.stringMatching(/^[0-9a-z:/ \t\n()[\]\\,=-]*$/));

const PARSERS = {
  parseMountinfo, parseProcessStatus, parseProcessStat, parseSelfCgroup, parseNamespaceLink, parseIdMap, parsePasswd, recogniseCgroup,
  parseCommandLine: (text: string) => parseCommandLine(new TextEncoder().encode(text)),
  recogniseParent: (text: string) => recogniseParent(text.slice(0, 15), text.split(" ")),
  parseCgroupLayout: (text: string) => parseCgroupLayout(parseMountinfo(text)),
} as const;

for (const [name, parse] of Object.entries(PARSERS)) {
  test(`${name}() gives a value or PidboxError for any text`, () => {
    fc.assert(fc.property(anyText, (text) => {
      try {
        parse(text);
      } catch (error) {
        expect(error).toBeInstanceOf(PidboxError);
      }
    }), { numRuns });
  });
}

test("parseMountinfo() gives back what the kernel would have escaped", () => {
  const escape = (text: string): string => text.replace(/[ \t\n\\#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`);
  const path = fc.string({ unit: fc.constantFrom("a", " ", "\t", "\n", "\\", "#", "0", "4", "-", "é") }).map((text) => `/${text}`);
  fc.assert(fc.property(path, path, path, (root, mountPoint, source) => {
    const [mount, ...rest] = parseMountinfo(`1 2 0:3 ${escape(root)} ${escape(mountPoint)} rw - tmpfs ${escape(source)} rw\n`);
    expect([mount?.root, mount?.mountPoint, mount?.source, rest.length]).toEqual([root, mountPoint, source, 0]);
  }), { numRuns });
});

test("parseProcessStat() keeps any name apart from the numbers", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 15 }), fc.nat(), (name, start) => {
    const stat = parseProcessStat(`5 (${name}) S 1 1 1 0 -1 0 0 0 0 0 2 3 0 0 20 0 1 0 ${start} 0 0\n`);
    expect([stat.name, stat.parent, stat.start]).toEqual([name, 1, start]);
  }), { numRuns });
});

test("idInside() and idOutside() undo each other", () => {
  const n = fc.nat({ max: 2 ** 20 });
  fc.assert(fc.property(n, n, n, n, (inside, outside, count, id) => {
    const map = parseIdMap(`${inside} ${outside} ${count}\n`);
    const found = idOutside(map, id);
    if (found !== undefined) expect(idInside(map, found)).toBe(id);
    expect(found !== undefined).toBe(id >= inside && id < inside + count);
  }), { numRuns });
});

/** Processes with parents, levels, namespaces and cgroups that need not agree with each other, as a torn or hostile /proc would show. */
const made: fc.Arbitrary<Made[]> = fc.uniqueArray(
  fc.record(
    {
      pid: fc.integer({ min: 2, max: 40 }), parent: fc.integer({ min: 0, max: 40 }),
      pids: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
      cgroup: fc.constantFrom("/", `/docker/${"a".repeat(64)}`, `/docker/${"a".repeat(64)}/docker/${"b".repeat(64)}`, "/lxc.payload.x", `/pidbox/${"c".repeat(64)}`),
      namespaces: fc.record({ pid: fc.integer({ min: 20, max: 24 }), mnt: fc.integer({ min: 30, max: 33 }) }, { requiredKeys: [] }),
      name: fc.constantFrom("sleep", "conmon", "bwrap", "\u001b[2J"), parentNamespace: fc.integer({ min: 18, max: 24 }),
    },
    { requiredKeys: ["pid", "parent", "pids"] },
  ),
  { selector: (p) => p.pid, maxLength: 30 },
);

function nodes(node: NamespaceNode): NamespaceNode[] {
  return [node, ...node.children.flatMap(nodes)];
}

test("discover() puts each process in one container at most, gives unique ids, and every process below the host's namespace is in one", () => {
  fc.assert(fc.property(made, (processes) => {
    const facts = makeFacts(processes, new Map([[30, "0:9 /"], [31, "254:0 /"]]));
    const found = discover(facts);
    const members = found.flatMap((c) => c.processes);
    expect(new Set(members).size).toBe(members.length);
    expect(new Set(found.map((c) => c.id)).size).toBe(found.length);
    const ids = new Set(found.map((c) => c.id));
    for (const c of found) {
      expect(c.processes).toContain(c.initPid as number);
      if (c.parent !== null) expect(ids.has(c.parent) && c.parent !== c.id).toBe(true);
    }
    for (const p of facts.processes) if (p.pids.length > 1) expect(members).toContain(p.pid);
  }), { numRuns });
});

test("namespaceTree() holds every container once, and locate() names as many levels as a process has PIDs", () => {
  fc.assert(fc.property(made, (processes) => {
    const view = survey(makeFacts(processes, new Map([[30, "0:9 /"]])));
    const held = nodes(namespaceTree(view)).flatMap((n) => n.containers.map((c) => c.id));
    expect(held.toSorted()).toEqual(view.containers.map((c) => c.id).toSorted());
    for (const p of view.facts.processes) expect(locate(view, p).levels).toHaveLength(p.pids.length);
  }), { numRuns });
});
