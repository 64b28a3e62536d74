import { expect, test } from "bun:test";
import type { ProgramFacts } from "../facts.ts";
import { answersOf, engineFacts, hostFacts, told } from "../../../test/fixtures/audit/facts.ts";
import { check } from "./engine-vulnerabilities.ts";

const FILE = "/etc/docker/daemon.json";
const own = (program: Partial<ProgramFacts>, config: string | number = -2): string[] => {
  const programs = [{ name: "runc", path: "/usr/local/bin/runc", pids: [], deleted: false, ...program }];
  return told(check, { host: hostFacts({ engines: engineFacts({ programs }), files: new Map([[FILE, config]]) }) });
};

test("a static binary is compared with upstream's versions", () => {
  expect(own({ version: "1.3.6" })).toEqual(["pass: runc: 12 known until 2026-09-04 are fixed"]);
  const old = own({ version: "1.3.2" });
  expect(old[0]).toBe("finding: /usr/local/bin/runc: CVE-2025-31133 (masked paths replaced): fixed in 1.2.8, 1.3.3, 1.4.0-rc.3");
  expect(old).toHaveLength(4);
});

test("a distribution's package is fixed where it says so, and unknown where it does not", () => {
  const found = own({ package: { name: "runc", version: "1.1.5+ds1-1+deb12u1", source: "runc" } });
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(/^unknown: .*CVE-2025-31133.*may have mended 1.1.5/);
  expect(found[0]).not.toContain("CVE-2024-21626");
  expect(own({ package: { name: "runc", version: "1.1.5+ds1-1", source: "runc" } })[0]).toStartWith("finding: /usr/local/bin/runc: CVE-2024-21626");
});

test("a program of the system whose package is not known may have been mended", () => {
  const [only] = own({ path: "/usr/bin/runc", version: "1.1.12" });
  expect(only).toMatch(/^unknown: \/usr\/bin\/runc: CVE-2024-45310, .*: its distribution may have mended 1.1.12/);
  expect(own({ path: "/usr/bin/runc", version: "1.3.6" })).toEqual(["pass: runc: 12 known until 2026-09-04 are fixed"]);
});

test("Docker's own packages have upstream's versions, and holes of plugins count where there are plugins", () => {
  const dockerd = { name: "dockerd", path: "/usr/bin/dockerd", package: { name: "docker-ce", version: "5:27.0.1-1~debian.12~bookworm", source: "docker-ce" } };
  expect(own(dockerd).join("\n")).not.toContain("CVE-2024-41110");
  expect(own(dockerd, "{\"authorization-plugins\": [\"x\"]}").join("\n")).toContain("finding: /usr/bin/dockerd: CVE-2024-41110");
  expect(own({ ...dockerd, package: { ...dockerd.package, version: "5:29.5.1-1" } })).toEqual(["pass: dockerd: 4 known until 2026-09-04 are fixed"]);
});

test("no version is unknown, no record is said, and a broken daemon.json is an error of its own", () => {
  expect(own({})[0]).toEndWith("its version was not found");
  expect(own({ name: "conmon" })).toEqual(["not-applicable: conmon: the data has nothing on it"]);
  expect(() => own({ name: "dockerd", version: "29.0.0" }, "{")).toThrow("Cannot read daemon.json");
  expect(answersOf(check)[0]?.verdict).toBe("not-applicable");
});
