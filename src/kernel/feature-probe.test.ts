import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isFiltered } from "./feature-facts.ts";
import { ACCESS, access, findProgram, readFeatureFacts } from "./feature-probe.ts";
import { judgeFeatures, readFeatures } from "./features.ts";
import { readHostFeatures } from "./host-features.ts";
import { isAtLeast } from "./release.ts";

const OPTIONS = { executable: "/usr/local/bin/pidbox", path: "/usr/bin:/bin", idmapPaths: ["/"] };

/** What a probe that leaves nothing must not change. */
function footprint(): unknown {
  const status = readFileSync("/proc/self/status", "utf8").split("\n").filter((line) => /^(Cap|NoNewPrivs|Seccomp|Uid)/.test(line));
  const namespaces = readdirSync("/proc/self/ns").map((name) => readlinkSync(`/proc/self/ns/${name}`));
  const children = readFileSync("/proc/thread-self/children", "utf8");
  const mounts = readFileSync("/proc/self/mountinfo", "utf8");
  return { status, namespaces, children, fds: readdirSync("/proc/self/fd").length, mounts, filesystems: readFileSync("/proc/filesystems", "utf8") };
}

describe("readFeatures() on this host", () => {
  test("leaves no descriptor, child, mount, namespace, filter or module", () => {
    readFeatures(OPTIONS);
    const before = footprint();
    for (let i = 0; i < 3; i += 1) readFeatures(OPTIONS);
    expect(footprint()).toEqual(before);
  });

  test("never says no to a system call that this kernel's version has, unless a filter explains it", () => {
    const facts = readFeatureFacts(OPTIONS);
    const calls = ["openat2", "new-mount-api", "open-tree", "mount-setattr", "close-range", "clone3", "clone-into-cgroup", "pidfd", "pidfd-info", "memfd-seal", "memfd-seal-exec"];
    const wrong = judgeFeatures(facts).filter((feature) => {
      const [major = 99, minor = 0] = (feature.minimumKernel ?? "").split(".").map(Number);
      return calls.includes(feature.name) && isAtLeast(facts.release, [major, minor]) && feature.answer !== "yes" && !isFiltered(facts);
    });
    expect(wrong).toEqual([]);
  });

  test("agrees with unshare(1) about user namespaces", () => {
    const answer = readFeatures(OPTIONS).find((feature) => feature.name === "user-namespace")?.answer;
    const real = Bun.spawnSync(["unshare", "--user", "--map-root-user", "--mount", "true"], { stderr: "ignore" }).exitCode === 0;
    // "unknown" is a host where the answer hangs on an AppArmor profile that cannot be read.
    expect([real ? "yes" : "no", "unknown"]).toContain(answer ?? "absent");
  });

  test("agrees with the cheap probes of a start", () => {
    const host = readHostFeatures();
    const facts = readFeatureFacts(OPTIONS);
    const answers = Object.fromEntries(judgeFeatures(facts).map((feature) => [feature.name, feature.answer]));
    expect(host.kernel).toEqual([facts.release.major, facts.release.minor]);
    expect(host.release).toBe(readFileSync("/proc/sys/kernel/osrelease", "utf8").trim());
    expect(answers).toMatchObject({ landlock: host.landlockAbi > 0 ? "yes" : "no", "time-namespace": host.timeNamespace ? "yes" : "no" });
    expect(host.apparmor).toBe(answers["apparmor"] === "yes");
    expect(host.cloneIntoCgroup).toBe(answers["clone-into-cgroup"] === "yes");
    expect(host.sealExec).toBe(answers["memfd-seal-exec"] === "yes");
    expect(host.tmpfsUserXattr).toBe(answers["tmpfs-user-xattr"] === "yes");
  });
});

const ROOT_IN_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"];

/** Runs `shell` as root of a new user and mount namespace, where `$PROBE` prints the answers as JSON; undefined where the host refuses that. */
function inNamespace(shell: string): Record<string, { answer: string; first: string }> | undefined {
  if (readFeatures(OPTIONS).find((feature) => feature.name === "user-namespace")?.answer !== "yes") return undefined;
  const source = `import { readFeatures } from ${JSON.stringify(import.meta.resolve("./features.ts"))};
    const rows = readFeatures(${JSON.stringify(OPTIONS)}).map((f) => [f.name, { answer: f.answer, first: f.evidence[0].value }]);
    console.log(JSON.stringify(Object.fromEntries(rows)));`;
  const child = Bun.spawnSync([...ROOT_IN_NAMESPACE, "sh", "-ec", shell], { env: { ...process.env, BUN: process.execPath, SOURCE: source } });
  return JSON.parse(child.stdout.toString()) as Record<string, { answer: string; first: string }>;
}
const PROBE = 'exec "$BUN" -e "$SOURCE"';

// A host that allows no user namespaces is told so by the test above; there is nothing to nest in then.
describe.if(readFeatures(OPTIONS).some((feature) => feature.name === "user-namespace" && feature.answer === "yes"))("readFeatures() in a user namespace", () => {
  test("sees that no further user namespace may be made", () => {
    const found = inNamespace(`echo 0 > /proc/sys/user/max_user_namespaces; ${PROBE}`);
    expect(found?.["user-namespace"]).toEqual({ answer: "no", first: "0" });
  });

  test("sees a masked /proc, and the kernel agrees", () => {
    const found = inNamespace(`mount -t tmpfs none /proc/fs; ${PROBE}`);
    expect(found?.["fresh-proc"]).toEqual({ answer: "no", first: "mounts over /proc/fs" });
    expect(found?.["nested"]?.answer).toBe("yes");
    const mount = (before: string): number => {
      const shell = `${before} exec unshare --user --map-root-user --pid --fork --mount-proc true`;
      return Bun.spawnSync([...ROOT_IN_NAMESPACE, "sh", "-ec", shell], { stderr: "ignore" }).exitCode;
    };
    expect(mount("mount -t tmpfs none /proc/fs;")).not.toBe(0);
    if (readFeatures(OPTIONS).find((feature) => feature.name === "fresh-proc")?.answer === "yes") expect(mount("")).toBe(0);
  });
});

test("findProgram() takes the first executable file and skips relative directories", () => {
  expect(findProgram("sh", ".:bin:/proc/self/nothing:/bin")).toBe("/bin/sh");
  expect(findProgram("passwd", "/etc")).toBeUndefined();
  expect(findProgram("sh", "")).toBeUndefined();
});

test("access() answers for the effective user", () => {
  expect(access("/proc/self/status", ACCESS.READ)).toBe(0);
  expect(access("/proc/self/nothing", ACCESS.READ)).toBe(-2);
});
