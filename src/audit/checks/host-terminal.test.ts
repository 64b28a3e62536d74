import { expect, test } from "bun:test";
import { containerFacts, descriptor, hostFacts, object, processFacts, status, task, told } from "../../../test/fixtures/audit/facts.ts";
import type { ProcessFacts } from "../facts.ts";
import { check } from "./host-terminal.ts";

const pts = object({ mode: 0o020620, mountId: 30, device: { major: 0, minor: 24 }, rdev: { major: 136, minor: 3 } });
const LEGACY = "/proc/sys/dev/tty/legacy_tiocsti";
const withTty = (tty: number): ProcessFacts => {
  const facts = processFacts();
  return typeof facts.stat === "number" ? facts : { ...facts, stat: { ...facts.stat, tty } };
};
const holding = (tty: number, changes = {}): ReturnType<typeof containerFacts> =>
  containerFacts({ task: task({ descriptors: [descriptor(0, "/dev/pts/3", pts)], ...changes }), processes: [withTty(tty)] });
const CONTROLLING = (136 << 8) | 3;

test("its own terminal passes, the host's is found if it is the controlling one", () => {
  expect(told(check)).toEqual(["pass: none of its descriptors is one"]);
  const own = containerFacts({ task: task({ descriptors: [descriptor(0, "/dev/pts/0", { ...pts, mountId: 603 })] }), processes: [withTty(136 << 8)] });
  expect(told(check, { container: own })).toEqual(["pass: none of its descriptors is one"]);
  expect(told(check, { container: holding(CONTROLLING) })).toEqual(["finding: PID 4711 (sleep) has /dev/pts/3 of the host"]);
  expect(told(check, { container: holding(0) })).toEqual(["pass: one that was handed in, which is not its controlling terminal"]);
});

test("the sysctl stops it, but not who has CAP_SYS_ADMIN", () => {
  const host = hostFacts({ files: new Map([[LEGACY, "0"]]) });
  expect(told(check, { host, container: holding(CONTROLLING) })).toEqual(["blocked by dev.tty.legacy_tiocsti: PID 4711 (sleep) has /dev/pts/3 of the host"]);
  const { capabilities } = status();
  const admin = { status: status({ capabilities: { ...capabilities, effective: 1n << 21n } }) };
  expect(told(check, { host, container: holding(0, admin) })).toEqual(["finding: PID 4711 (sleep) has /dev/pts/3 of the host"]);
});

test("threads that could not be read leave it unknown", () => {
  expect(told(check, { container: containerFacts({ unreadable: [{ pid: 4712, errno: -13 }] }) })).toEqual(["unknown: 1 of its threads could not be read"]);
});

test("descriptors that are hidden are not passed", () => {
  expect(told(check, { container: containerFacts({ task: task({ descriptors: -13 }) }) })).toEqual(["unknown: the descriptors of PID 4711 could not be read"]);
});
