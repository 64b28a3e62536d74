import { expect, test } from "bun:test";
import { answersOf, container, containerFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import type { NamespaceType } from "../../kernel/namespaces.ts";
import { check } from "./capability-scope.ts";

const having = (bit: number, ...sharedWithHost: readonly NamespaceType[]): ReturnType<typeof containerFacts> =>
  containerFacts({
    task: task({ status: status({ capabilities: { ...status().capabilities, effective: 1n << BigInt(bit) } }) }), container: container({ sharedWithHost }),
  });

test("the namespace decides what the capability is worth", () => {
  expect(told(check)).toEqual(["pass: none does"]);
  expect(told(check, { container: having(12, "user") })).toEqual(["pass: none does"]);
  expect(told(check, { container: having(12, "user", "net") })).toEqual(["finding: CAP_NET_ADMIN: reconfigures the host's network"]);
  expect(told(check, { container: having(19, "pid") })).toEqual(["blocked by user namespace: CAP_SYS_PTRACE: traces processes of the host"]);
  expect(answersOf(check, { container: having(5, "user", "pid") })[0]?.severity).toBe("high");
  expect(answersOf(check, { container: having(12, "user", "net") })[0]?.severity).toBe("critical");
});

test("the default capabilities of Docker in the host's network read and forge, but do not rule it", () => {
  const [answer, ...more] = answersOf(check, { container: having(13, "user", "net") });
  expect(answer).toMatchObject({ verdict: "finding", severity: "high", text: "CAP_NET_RAW: reads and forges packets of the host" });
  expect(more).toEqual([]);
});

test("a namespace that is hidden is not taken for the container's own", () => {
  const facts = having(12, "user");
  expect(told(check, { container: { ...facts, container: { ...facts.container, unknown: ["net"] } } })).toEqual([
    "unknown: the kernel does not tell whether these namespaces are the host's: net",
  ]);
});
