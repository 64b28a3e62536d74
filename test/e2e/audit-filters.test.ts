/** What an audit knows of seccomp filters of real containers: pidbox's own from their plans, others' from the kernel with --stop alone. */
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CVE_DATA } from "../../src/audit/cve/records.ts";
import { builtinFilter } from "../../src/plan/seccomp-compiled.ts";
import type { AuditReport, Result } from "../../src/report/finding.ts";
import { needs } from "../parts.ts";
import { pidbox, start, startBox, temporary } from "./box.ts";

const CHECKS = "--checks=K04,K09,K13,Q04,Q05,Q06";

function audit(reference: string | number, ...flags: readonly string[]): ReadonlyMap<string, Result> {
  const { out, err } = pidbox(["audit", "--format=json", CHECKS, ...flags, String(reference)]);
  if (out === "") throw new Error(err);
  return new Map((JSON.parse(out) as AuditReport).results.map((result) => [result.check, result]));
}

const childOf = (pid: number): number => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());

describe("pidbox audit", () => {
  needs("root")("knows the filter of its own containers without stopping them", async () => {
    await using _box = await startBox(["do", "--name=audit-filters"]);
    const results = audit("audit-filters");
    const verdicts = [...results.values()].map(({ check, verdict }) => `${check} ${verdict}`).toSorted();
    expect(verdicts).toEqual(["K04 pass", "K09 pass", "K13 pass", "Q04 pass", "Q05 pass", "Q06 pass"]);
    expect(results.get("Q05")?.evidence[0]?.source).toBe("pidbox's plan");
  });

  needs("root", "bubblewrap")("reads those of others with --stop, and lets them go on", async () => {
    using directory = temporary();
    const file = join(directory.path, "filter");
    writeFileSync(file, builtinFilter("strict"));
    const shell = `exec bwrap --ro-bind / / --dev /dev --proc /proc --unshare-pid --seccomp 9 sh -c 'echo up; exec cat' 9<${file}`;
    await using box = await start(["sh", "-c", shell]);
    const first = childOf(box.pid);
    const unread = audit(`pid:${first}`);
    expect([unread.get("K09")?.verdict, unread.get("Q05")?.verdict]).toEqual(["unknown", "unknown"]);
    const read = audit(`pid:${first}`, "--stop");
    expect(read.get("Q05")?.evidence[0]?.source).toBe("PTRACE_SECCOMP_GET_FILTER");
    expect([read.get("K09")?.verdict, read.get("K04")?.verdict, read.get("K13")?.verdict]).toEqual(["pass", "pass", "pass"]);
    const status = readFileSync(`/proc/${first}/status`, "utf8");
    expect(status).toMatch(/^TracerPid:\t0$/m);
    expect(status).not.toMatch(/^State:\t[tT]/m);
  });

  test("takes newer vulnerabilities from a file, and says when they are too old", () => {
    using directory = temporary();
    const file = join(directory.path, "cves.json");
    const run = (text: string): ReturnType<typeof pidbox> => {
      writeFileSync(file, text);
      return pidbox(["audit", "--host", "--checks=K03", `--data=${file}`]);
    };
    expect(run(JSON.stringify({ ...CVE_DATA, date: "2020-01-01" }))).toMatchObject({ code: 4, err: expect.stringContaining("Vulnerabilities are those known on 2020-01-01") });
    expect(run(JSON.stringify({ ...CVE_DATA, date: new Date().toISOString().slice(0, 10) }))).toMatchObject({ code: 0, err: "" });
    expect(run("{}")).toMatchObject({ code: 1, err: expect.stringContaining("Cannot read the vulnerability data") });
    expect(pidbox(["audit", "--data=/no/such/file"])).toMatchObject({ code: 1, err: expect.stringContaining("Cannot read \"/no/such/file\": ENOENT") });
  });
});
