import { expect, test } from "bun:test";
import { container, containerFacts, task, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./cgroup-parent.ts";

test("the root is found, and that of its starter; its own passes", () => {
  expect(told(check)[0]).toStartWith("pass: /system.slice/docker-");
  const root = task({ cgroups: [{ hierarchy: 0, controllers: [], path: "/", deleted: false }] });
  expect(told(check, { container: containerFacts({ task: root, container: container({ cgroup: null }) }) })).toEqual(["finding: the root of every hierarchy"]);
  const shared = task({ cgroups: [{ hierarchy: 0, controllers: [], path: "/user.slice", deleted: false }] });
  expect(told(check, { container: containerFacts({ task: shared, container: container({ cgroup: null }) }) })).toEqual(["finding: that of its starter: /user.slice"]);
  expect(told(check, { container: containerFacts({ task: task({ cgroups: -13 }) }) })).toEqual(["unknown: its cgroup could not be read"]);
});
