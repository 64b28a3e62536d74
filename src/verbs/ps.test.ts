import { describe, expect, test } from "bun:test";
import { loadFacts } from "../../test/fixtures/proc/load.ts";
import { HOST_NAMESPACES, makeFacts, separate } from "../../test/fixtures/proc/synthetic.ts";
import { discover } from "../engine/discover.ts";
import { survey } from "../engine/discover-survey.ts";
import { namespaceTree } from "../engine/discover-tree.ts";
import { ageText } from "./ps-age.ts";
import { containerTable, notesOf, sharedText, statusText } from "./ps.ts";
import { treeText } from "./tree.ts";

test("ageText() uses the largest unit of which there are two", () => {
  const ages = [0, 1000, 119_000, 120_000, 7_199_000, 7_200_000, 172_800_000].map((age) => ageText(1_000_000_000_000 - age, 1_000_000_000_000));
  expect(ages).toEqual(["0 seconds ago", "1 second ago", "119 seconds ago", "2 minutes ago", "119 minutes ago", "2 hours ago", "2 days ago"]);
  expect(ageText(2000, 1000)).toBe("0 seconds ago");
});

describe("containerTable()", () => {
  test("shows a captured host, as root and as another user", () => {
    const now = Date.parse("2026-11-23T23:45:00Z");
    expect(containerTable(discover(loadFacts("host.json")), false, now)).toMatchSnapshot();
    expect(containerTable(discover(loadFacts("host-unprivileged.json")), false, now)).toMatchSnapshot();
  });

  test("never prints a control character of a name", () => {
    const hostile = "a\u001b[2J\u202e";
    const facts = makeFacts([{ pid: 50, pids: [50, 1], cgroup: `/lxc.payload.${hostile}`, namespaces: separate(20) }]);
    const [, line, ...rest] = containerTable(discover(facts), false, 0).trimEnd().split("\n");
    expect(rest).toEqual([]);
    expect(line).toContain("a\\x1b[2J\\u202e");
  });
});

test("sharedText() marks what is unknown and says nothing only when all is known to be separate", () => {
  const of = (namespaces: Parameters<typeof separate>[1], hidden = false): string => {
    const [container] = discover(makeFacts([{ pid: 50, pids: [50, 1], ...(hidden ? {} : { namespaces: separate(20, namespaces) }) }]));
    return container === undefined ? "" : sharedText(container);
  };
  expect([of([]), of(["net", "uts"]), of([], true)]).toEqual(["nothing", "net,uts", "?"]);
  const partly = discover(makeFacts([{ pid: 50, pids: [50, 1], namespaces: { pid: 99, mnt: 98, net: HOST_NAMESPACES.net } }]))[0];
  expect(partly === undefined ? "" : sharedText(partly)).toBe("net,user?,ipc?,uts?,cgroup?,time?");
});

test("notesOf() names overrides, nesting, strays and the end", () => {
  const stored = { id: "c".repeat(64), name: "x", initPid: 1, unsafe: ["pid-host"], degraded: ["cgroup"], exitCode: 137 };
  expect(discover(makeFacts([]), [stored]).map(notesOf)).toEqual([["unsafe: pid-host", "degraded: cgroup"]]);
  const lost = [{ ...stored, lost: true }, { ...stored, lost: true, kept: true }];
  expect(lost.map((one) => discover(makeFacts([]), [one]).map(notesOf)[0]?.at(-1))).toEqual(["its supervisor was killed: pidbox gc removes it", "its supervisor was killed"]);
});

test("statusText() says it as docker does", () => {
  const now = 1_000_000_000_000;
  const of = (state: Parameters<typeof statusText>[0]["state"], exitCode: number | null = null): string =>
    statusText({ state, since: now - 300_000, ended: exitCode === null ? null : now - 2000, exitCode }, now);
  expect([of("created"), of("running"), of("paused"), of("restarting", 1), of("exited", 0), of("exited")]).toEqual([
    "Created", "Up 5 minutes", "Up 5 minutes (Paused)", "Restarting (1) 2 seconds ago", "Exited (0) 2 seconds ago", "Exited (?)",
  ]);
});

describe("treeText()", () => {
  test("draws a captured host", () => {
    const view = survey(loadFacts("host.json"));
    expect(treeText(namespaceTree(view), view, false, new Map([[0, "root"]]))).toMatchSnapshot();
  });

  test("draws a chain of 5,000 processes without deep indentation, every one of them", () => {
    const chain = Array.from({ length: 5000 }, (_, i) => ({ pid: 100 + i, parent: i === 0 ? 1 : 99 + i, pids: [100 + i, i + 1], namespaces: separate(20) }));
    const view = survey(makeFacts(chain));
    const lines = treeText(namespaceTree(view), view, false, new Map()).trimEnd().split("\n");
    expect(lines).toHaveLength(5002);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(250);
  });

  test("never prints a control character of a process's name", () => {
    const view = survey(makeFacts([{ pid: 50, name: "\u001b]0;x\u0007\n", pids: [50, 1], namespaces: separate(20) }]));
    expect(treeText(namespaceTree(view), view, false, new Map())).toContain("50 = 1  \\x1b]0;x\\x07\\n\n");
  });
});
