/** Fields of config.json that change the program's process or the kernel around it, looked at from inside the container. */
import { afterAll, describe, expect } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needs } from "../parts.ts";
import { RUNTIMES } from "./runtime.ts";
import { configOf, NAMESPACES, OciScene, ownUsers } from "./scene.ts";
import type { Change } from "./scene.ts";

const scene = new OciScene();
afterAll(() => scene[Symbol.dispose]());

const namespaces = { namespaces: NAMESPACES.map((type) => ({ type })) };

/** Nice value and policy of the program itself, without a shell in between. */
function scheduled(scheduler: NonNullable<NonNullable<Change["process"]>["scheduler"]>): string {
  const config = configOf("", { process: { scheduler, args: ["/bin/cat", "/proc/self/stat"] } });
  const { code, out, err } = scene.run(config);
  if (code !== 0) return err;
  const fields = out.trim().slice(out.lastIndexOf(")") + 2).split(" ");
  return `nice ${fields[16]} policy ${fields[38]}`;
}

describe("scheduler", () => {
  needs("root", "busybox")("has the policy and nice value that are asked for", () => {
    expect(scheduled({ policy: "SCHED_BATCH", nice: 7 })).toBe("nice 7 policy 3");
    expect(scheduled({ policy: "SCHED_OTHER", nice: -5 })).toBe("nice -5 policy 0");
    expect(scheduled({ policy: "SCHED_IDLE" })).toBe("nice 0 policy 5");
  });

  needs("root", "busybox")("is the program's alone with SCHED_FLAG_RESET_ON_FORK", () => {
    const scheduler = { policy: "SCHED_BATCH" as const, nice: -5, flags: ["SCHED_FLAG_RESET_ON_FORK" as const] };
    const nice = "sed 's/.*) //' /proc/$1/stat | cut -d ' ' -f 17,39";
    expect(scene.lines(`p() { ${nice}; }; p 1; p self`, { process: { scheduler } })).toEqual(["-5 3", "0 3"]);
  });

  needs("root", "busybox")("that the kernel refuses is a failed start with its name", () => {
    expect(scheduled({ policy: "SCHED_ISO" })).toContain("/process/scheduler");
    expect(scheduled({ policy: "SCHED_DEADLINE", runtime: 20_000_000, deadline: 10_000_000, period: 10_000_000 })).toContain("sched_setattr: invalid argument");
  });
});

describe("ioPriority, personality and memoryPolicy", () => {
  needs("root", "busybox")("are those of the program", () => {
    const ioPriority = (name: "RT" | "BE" | "IDLE", priority?: number): string[] => scene.lines("ionice -p 1", {
      process: { ioPriority: { class: `IOPRIO_CLASS_${name}`, ...(priority === undefined ? {} : { priority }) } },
    });
    expect(ioPriority("BE", 6)).toEqual(["best-effort: prio 6"]);
    expect(ioPriority("RT")).toEqual(["realtime: prio 0"]);
    expect(ioPriority("IDLE", 7)[0]).toStartWith("idle");
    expect(scene.lines("uname -m", { linux: { ...namespaces, personality: { domain: "LINUX32" } } })).toEqual(["i686"]);
    expect(scene.lines("uname -m", { linux: { ...namespaces, personality: { domain: "LINUX" } } })).toEqual(["x86_64"]);
    const policy = (memoryPolicy: NonNullable<NonNullable<Change["linux"]>["memoryPolicy"]>): string => scene.lines(
      "head -n 1 /proc/self/numa_maps | cut -d ' ' -f 2", { linux: { ...namespaces, memoryPolicy } },
    ).join();
    expect(policy({ mode: "MPOL_BIND", nodes: "0" })).toBe("bind:0");
    expect(policy({ mode: "MPOL_INTERLEAVE", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] })).toBe("interleave=static:0");
    expect(policy({ mode: "MPOL_LOCAL" })).toBe("local");
    expect(scene.run(configOf("true", { linux: { ...namespaces, memoryPolicy: { mode: "MPOL_BIND", nodes: "900" } } })).err).toContain("/linux/memoryPolicy");
  });
});

describe("timeOffsets", () => {
  const offsets = { monotonic: { secs: 172_800, nanosecs: 5 }, boottime: { secs: 604_800 } };
  const uptime = (): number => Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  const timed = [...NAMESPACES, "time" as const].map((type) => ({ type }));

  const kinds = [["", { namespaces: timed }], [" with users of its own", { ...ownUsers(0), namespaces: [{ type: "user" as const }, ...timed] }]] as const;
  for (const [name, linux] of kinds) {
    needs("root", "busybox")(`set the clocks of the container off and not the host's${name}`, () => {
      const before = uptime();
      const [now = "", ...lines] = scene.lines("cut -d ' ' -f 1 /proc/uptime; cat /proc/self/timens_offsets | tr -s ' '; readlink /proc/self/ns/time", {
        linux: { ...linux, timeOffsets: offsets },
      });
      expect(Number(now) - before).toBeGreaterThanOrEqual(604_799);
      expect(Number(now) - before).toBeLessThan(604_900);
      expect(lines.slice(0, 2)).toEqual(["monotonic 172800 5", "boottime 604800 0"]);
      expect(lines[2]).not.toBe(Bun.spawnSync(["readlink", "/proc/self/ns/time"]).stdout.toString().trim());
      expect(uptime() - before).toBeLessThan(100);
    });
  }

  needs("root", "busybox")("that the kernel refuses are a failed start; without them the clocks are the host's", () => {
    expect(scene.run(configOf("true", { linux: { namespaces: timed, timeOffsets: { boottime: { secs: -9_000_000_000 } } } })).err).toContain("/linux/timeOffsets");
    const before = uptime();
    const [now = ""] = scene.lines("cut -d ' ' -f 1 /proc/uptime", { linux: { namespaces: timed } });
    expect(Math.abs(Number(now) - before)).toBeLessThan(100);
  });
});

describe("sysctl", () => {
  needs("root", "busybox", "runc")("takes both separators", () => {
    const sysctl = { "net.ipv4.ip_forward": "1", "net/ipv4/tcp_syncookies": "0", "net.ipv4.conf.lo/x.y": "1", "kernel.shmmni": "100", "kernel/msgmax": "9000" };
    const { ["net.ipv4.conf.lo/x.y"]: _absent, ...there } = sysctl;
    const script = "cd /proc/sys; cat net/ipv4/ip_forward net/ipv4/tcp_syncookies kernel/shmmni kernel/msgmax";
    for (const runtime of RUNTIMES) expect(scene.lines(script, { linux: { ...namespaces, sysctl: there } }, { runtime })).toEqual(["1", "0", "100", "9000"]);
    expect(scene.run(configOf("true", { linux: { ...namespaces, sysctl } })).err).toContain("/linux/sysctl/net.ipv4.conf.lo");
  });
});

describe("masked and read-only paths", () => {
  const root = scene.makeRootfs("secrets");
  mkdirSync(join(root, "var/secret"));
  for (const name of ["var/secret/file", "etc/key", "var/plain"]) writeFileSync(join(root, name), "secret");
  symlinkSync("/var/secret", join(root, "etc/link"));
  symlinkSync("../etc/key", join(root, "mnt/key"));
  symlinkSync("/nowhere", join(root, "mnt/dangling"));

  needs("root", "busybox")("follow links inside the root, and pass over what is absent", () => {
    const maskedPaths = ["/etc/link", "/mnt/key", "/mnt/dangling", "/none/at/all", "/var/plain/below"];
    const linux = { ...namespaces, maskedPaths, readonlyPaths: ["/etc/link", "/var/plain", "/none"] };
    const script = "ls -A /var/secret | wc -l; wc -c </etc/key; (echo x >/var/plain) 2>/dev/null || echo no; (echo x >/etc/key) 2>/dev/null || echo no; cat /var/plain; echo";
    expect(scene.lines(script, { root: { path: "secrets" }, linux })).toEqual(["0", "0", "no", "no", "secret"]);
  });

  needs("root", "busybox")("in a read-only root too, whose own flags stay", () => {
    const before = ["unshare", "-m", "--propagation", "private", "sh", "-ec", `mount --bind ${root} ${root}; mount -o remount,bind,nosuid,noatime ${root}; exec "$@"`, "sh"];
    const change = { root: { path: "secrets", readonly: true }, linux: { ...namespaces, maskedPaths: ["/etc/key"] } };
    const script = "awk '$5 == \"/\" { print $6 }' /proc/self/mountinfo; wc -c </etc/key; touch /x 2>/dev/null || echo no; touch /dev/shm/x && echo yes";
    expect(scene.lines(script, change, { before })).toEqual(["ro,nosuid,noatime", "0", "no", "yes"]);
  });
});

describe("what cannot be had", () => {
  needs("root", "busybox")("is refused by name: Intel RDT, a root without a mount namespace", () => {
    expect(scene.run(configOf("true", { linux: { ...namespaces, intelRdt: { closID: "one" } } })).err).toContain("Cannot set Intel RDT");
    const linux = { namespaces: namespaces.namespaces.filter(({ type }) => type !== "mount") };
    expect(scene.run(configOf("true", { linux })).err).toContain("without a new mount namespace");
  });
});

describe("exec", () => {
  needs("root", "busybox")("has the scheduling of its process and the execution domain of the container", () => {
    using box = scene.running({ linux: { ...namespaces, personality: { domain: "LINUX32" }, memoryPolicy: { mode: "MPOL_BIND", nodes: "0" } } });
    const script = "ionice -p $$; sed 's/.*) //' /proc/$$/stat | cut -d ' ' -f 17,39; uname -m; head -n 1 /proc/self/numa_maps | cut -d ' ' -f 2";
    const given = { scheduler: { policy: "SCHED_BATCH" as const, nice: 3 }, ioPriority: { class: "IOPRIO_CLASS_BE" as const, priority: 6 } };
    expect(box.exec({ args: ["/bin/sh", "-c", script], ...given }).out.trimEnd().split("\n")).toEqual(["best-effort: prio 6", "3 3", "i686", "bind:0"]);
  });

  needs("root", "busybox")("runs on the CPUs that execCPUAffinity names, and the container's first process on all", () => {
    const script = "grep Cpus_allowed_list /proc/self/status | cut -f 2";
    using box = scene.running({ process: { execCPUAffinity: { initial: "0", final: "0" } } });
    const all = readFileSync("/proc/self/status", "utf8").match(/Cpus_allowed_list:\t(.*)/)?.[1] ?? "";
    const on = (execCPUAffinity: NonNullable<NonNullable<Change["process"]>["execCPUAffinity"]> | undefined): string => (
      box.exec({ args: ["/bin/sh", "-c", script], ...(execCPUAffinity === undefined ? {} : { execCPUAffinity }) }).out.trim()
    );
    expect(on({ final: "0" })).toBe("0");
    expect(on({ initial: "0" })).toBe("0");
    expect(on(undefined)).toBe(all);
    expect(box.exec({ args: ["/bin/true"], execCPUAffinity: { final: "8000" } }).err).toContain("/process/execCPUAffinity/final");
    expect(scene.lines(script, { process: { execCPUAffinity: { initial: "0", final: "0" } } })).toEqual([all]);
  });
});
