import { expect, test } from "bun:test";
import { answersOf, containerFacts, hostFacts, MOUNTS, task, told } from "../../../test/fixtures/audit/facts.ts";
import { parseMountinfo } from "../../kernel/mountinfo.ts";
import type { ContainerFacts } from "../facts.ts";
import { check } from "./host-bind.ts";

const withMounts = (text: string): ContainerFacts => containerFacts({ mounts: parseMountinfo(MOUNTS + text) });

test("files that Docker mounts, one project and a volume pass", () => {
  expect(told(check)).toEqual(["pass: none"]);
  const usual = "700 600 8:1 /home/me/project /src rw - ext4 /dev/sda1 rw\n701 600 8:1 /var/lib/docker/volumes/a/_data /data rw - ext4 /dev/sda1 rw\n702 600 8:1 /etc/localtime /etc/localtime ro - ext4 /dev/sda1 rw\n";
  expect(told(check, { container: withMounts(usual) })).toEqual(["pass: none"]);
});

test("the host's root is found once, with all that came with it", () => {
  const whole = withMounts("700 600 8:1 / /host ro - ext4 /dev/sda1 rw\n701 700 0:27 / /host/run rw - tmpfs tmpfs rw\n702 600 8:1 /etc /conf rw - ext4 /dev/sda1 rw\n");
  expect(told(check, { container: whole })).toEqual([
    "finding: / of the host (the whole host) on /host, read-only", "finding: /etc of the host (accounts and configuration) on /conf, writable",
  ]);
  expect(answersOf(check, { container: whole }).map(({ severity }) => severity)).toEqual(["high", "critical"]);
});

test("it is less grave with users of its own, and a mount that is covered is no way", () => {
  const own = task({ namespaces: { ...task().namespaces, user: 4026532999 } });
  const mounts = parseMountinfo(`${MOUNTS}700 600 8:1 /root/.ssh /keys rw - ext4 /dev/sda1 rw\n`);
  expect(answersOf(check, { container: containerFacts({ task: own, mounts }) })[0]?.severity).toBe("high");
  expect(told(check, { container: withMounts("700 600 8:1 /etc /conf rw - ext4 /dev/sda1 rw\n701 700 0:90 / /conf rw - tmpfs tmpfs rw\n") })).toEqual(["pass: none"]);
});

test("tables that could not be read are unknown", () => {
  expect(told(check, { host: hostFacts({ mounts: -13 }) })).toEqual(["unknown: the host's mount table could not be read"]);
});
