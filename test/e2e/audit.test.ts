/** The audit of real containers: what pidbox makes is clean, what others weakened is found, and a recording says the same elsewhere. */
import { describe, expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AuditReport, Result } from "../../src/report/finding.ts";
import { needs } from "../parts.ts";
import { busyboxRoot, type How, initOf, pidbox, start, startBox, temporary } from "./box.ts";

function audit(words: readonly string[], how: How = {}): { code: number | null; report: AuditReport; found: string[] } {
  const { code, out, err } = pidbox(["audit", "--format=json", ...words], how);
  if (out === "") throw new Error(err);
  const report = JSON.parse(out) as AuditReport;
  return { code, report, found: found(report.results) };
}

function found(results: readonly Result[]): string[] {
  return [...new Set(results.filter(({ verdict }) => verdict === "finding").map(({ check }) => check))].toSorted();
}

let count = 0;
const freshName = (): string => `audit-${process.pid}-${++count}`;

describe("pidbox audit", () => {
  needs("root", "busybox")("finds nothing grave in what pidbox makes", async () => {
    using directory = temporary();
    const image = [`dir:${busyboxRoot(directory.path)}`];
    for (const [verb, flags, root] of [["do", [], []], ["run", ["-i", "--rm", "-m", "64m"], image]] as const) {
      const name = freshName();
      await using _box = await startBox([verb, `--name=${name}`, ...flags], root);
      const { report } = audit([name]);
      const grave = report.results.filter(({ verdict, severity }) => verdict === "finding" && (severity === "critical" || severity === "high"));
      expect(grave.map(({ check, text }) => `${verb} ${check}: ${text}`)).toEqual([]);
      expect(report.subjects.map((subject) => subject.name)).toEqual([name]);
    }
  });

  needs("root", "busybox")("finds each namespace and each layer that a container was started without", async () => {
    using directory = temporary();
    const name = freshName();
    const flags = ["--pid=host", "--ipc=host", "--uts=host", "--security-opt=seccomp=unconfined"];
    const names = ["pid-host", "ipc-host", "uts-host", "seccomp"].map((word) => `--unsafe=${word}`);
    await using _box = await startBox(["run", "-i", "--rm", `--name=${name}`, ...flags, ...names], [`dir:${busyboxRoot(directory.path)}`]);
    const { code, found: checks } = audit([name]);
    expect(code).toBe(2);
    for (const check of ["L01", "L14", "L15", "Q04"]) expect(checks).toContain(check);
  });

  needs("root")("finds a plain unshare for what it is, and fails only for what is asked", async () => {
    await using shell = await start(["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", "echo up; exec cat"]);
    const pid = String(initOf(shell.pid));
    const { code, found: checks } = audit([pid]);
    expect(code).toBe(2);
    for (const check of ["C05", "C06", "L16", "Q04", "S01"]) expect(checks).toContain(check);
    expect(audit([pid, "--checks=L01"]).code).toBe(0);
    expect(audit([pid, "--checks=seccomp-off"]).found).toEqual(["Q04"]);
    expect(audit([pid, "--checks=V03", "--fail-on=high"]).code).toBe(0);
    expect(audit([pid, "--checks=V03"]).code).toBe(2);
    expect(audit([pid, "--profile=pss-baseline", "--skip=L"]).found.filter((check) => check.startsWith("L"))).toEqual([]);
  });

  needs("root")("keeps facts that say the same later", async () => {
    using directory = temporary();
    await using shell = await start(["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", "echo up; exec cat"]);
    const pid = String(initOf(shell.pid));
    const place = join(directory.path, "recording");
    const now = audit([pid, "--record", place]);
    const answers = ({ results }: AuditReport): string[] => results.map(({ check, verdict, text }) => `${check} ${verdict} ${text}`);
    expect(answers(audit(["--replay", place, now.report.subjects[0]?.id ?? ""]).report)).toEqual(answers(now.report));
    writeFileSync(join(place, "facts.json"), '{"recording":99}');
    expect(pidbox(["audit", "--replay", place])).toMatchObject({ code: 1, out: "" });
  });

  needs("root")("takes waivers and baselines, and says what has expired", async () => {
    using directory = temporary();
    await using shell = await start(["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", "echo up; exec cat"]);
    const pid = String(initOf(shell.pid));
    const file = (name: string, text: string): string => {
      writeFileSync(join(directory.path, name), text);
      return join(directory.path, name);
    };
    const first = pidbox(["audit", pid, "--format=json"]);
    const baseline = file("baseline.json", first.out);
    expect(audit([pid, "--baseline", baseline]).code).not.toBe(2);
    const taken = file("taken.yaml", "- check: seccomp-off\n  reason: a test\n  owner: ops\n  expires: 2999-01-01\n");
    expect(audit([pid, "--checks=Q04", "--waivers", taken]).code).toBe(0);
    const expired = file("expired.yaml", "- check: Q04\n  reason: a test\n  owner: ops\n  expires: 2020-01-01\n");
    expect(audit([pid, "--checks=Q04", "--waivers", expired])).toMatchObject({ code: 2, found: ["O31", "Q04"] });
    expect(pidbox(["audit", pid, "--waivers", file("bad.yaml", "- check: Q04\n  contaner: x\n")])).toMatchObject({ code: 1, out: "" });
  });

  needs("root")("writes every document, and lists its checks", () => {
    for (const [format, start] of [["sarif", "{"], ["junit", "<?xml"], ["ocsf", "{"], ["markdown", "# Audit"], ["html", "<!doctype html>"]] as const) {
      const { out, err } = pidbox(["audit", "--host", "--format", format]);
      expect([format, out.startsWith(start), err]).toEqual([format, true, ""]);
    }
    const pages = readFileSync(join(import.meta.dir, "../../docs/checks/README.md"), "utf8");
    for (const line of pidbox(["audit", "--list"]).out.trim().split("\n")) expect(pages).toContain(`| ${line.slice(0, 3)} |`);
    expect(pidbox(["audit", "--explain", "pid-namespace", "--host"]).out).toContain("What to do: ");
  });
});
