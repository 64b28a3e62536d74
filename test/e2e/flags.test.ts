/** The other flags of `do` and `run`, each seen from inside or on the host. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CONTAINER_OPTIONS } from "../../src/verbs/container-options.ts";
import { childrenOf } from "../pty.ts";
import { needs } from "../parts.ts";
import { CALLERS, openScene } from "../scene.ts";

const scene = openScene();

test("every flag of the table is used by a test of this folder", () => {
  const files = readdirSync(import.meta.dir).filter((name) => name.endsWith(".test.ts"));
  const text = files.map((name) => readFileSync(join(import.meta.dir, name), "utf8")).join("\n");
  const isUsed = (name: string, short?: string): boolean => new RegExp(`"--${name}[="]`).test(text) || (short !== undefined && text.includes(`"-${short}"`));
  const unused = CONTAINER_OPTIONS.filter(({ name, short }) => !isUsed(name, short));
  expect(unused.map(({ name }) => name)).toEqual([]);
});

describe.each(CALLERS.map((caller) => [caller] as const))("as %s", (caller) => {
  test("-e and --env-file: files first, then flags; a name alone takes the caller's value", async () => {
    const file = `${scene.directory}/variables`;
    writeFileSync(file, "# comment\nA=file\nB=with spaces \nFROM_CALLER\n\nABSENT\n");
    const flags = ["--env-file", file, "-e", "A=flag", "-e", "C=x=y", "--env", "TAKEN", "-e", "NOT_SET", "-e", "EMPTY="];
    const out = await scene.output(["run", ...flags, "@", "env"], { caller, env: { TAKEN: "from caller", FROM_CALLER: "too" } });
    const found = out.split("\n").filter((line) => !/^(HOME|HOSTNAME|PATH)=/.test(line));
    expect(new Set(found)).toEqual(new Set(["A=flag", "B=with spaces ", "FROM_CALLER=too", "C=x=y", "TAKEN=from caller", "EMPTY="]));
  });

  test("variables for the container are no variables of pidbox: nothing that it starts sees them", async () => {
    const marker = `${scene.makeDirectory(`marker-${caller}`)}/ran`;
    writeFileSync(`${scene.directory}/preload.ts`, `require("node:fs").writeFileSync(${JSON.stringify(marker)}, "ran")`);
    const names = ["BUN_OPTIONS=--preload=", "BUN_INSPECT_PRELOAD=", "BUN_BE_BUN=1", "LD_PRELOAD=", "NODE_OPTIONS=--require="];
    const flags = names.flatMap((name) => ["-e", name.endsWith("=") ? `${name}${scene.directory}/preload.ts` : name]);
    // A failure and an end that must be told make pidbox start itself again.
    expect((await scene.run(["run", ...flags, "@", "sh", "-c", "exit 3"], { caller })).code).toBe(3);
    expect((await scene.run(["run", ...flags, "@", "no-such-program"], { caller })).code).toBe(127);
    expect(existsSync(marker)).toBe(false);
  });

  test("-w: the working directory, made where it is absent; a file is refused", async () => {
    expect(await scene.output(["run", "-w", "/a/b/../c", "@", "pwd"], { caller })).toBe("/a/c");
    expect(await scene.output(["run", "--workdir", "/tmp", "@", "pwd"], { caller })).toBe("/tmp");
    expect(await scene.run(["run", "-w", "/etc/passwd", "@", "pwd"], { caller })).toMatchObject({ code: 125, out: "" });
    expect(await scene.run(["run", "-w", "relative", "@", "pwd"], { caller })).toMatchObject({ code: 125, out: "" });
  });

  test("-h: the host name, and where a bad one is refused", async () => {
    expect(await scene.output(["run", "-h", "box.example", "@", "sh", "-c", "hostname; echo $HOSTNAME"], { caller })).toBe("box.example\nbox.example");
    expect(await scene.output(["do", "--hostname", "box", "hostname"], { caller })).toBe("box");
    for (const wrong of ["", "a b", "-x", "x\ny", "\u001b[31mred", "a".repeat(65)]) {
      const { code, err } = await scene.run(["run", "-h", wrong, "@", "true"], { caller });
      expect(code).toBe(125);
      expect(err).not.toMatch(/\u001b|a b\n.*\n.*\n/);
    }
  });

  test("--name is kept for one container, and no other can have it", async () => {
    const name = `named-${process.pid}`;
    const held = scene.hold(["run", "-i", "--name", name, "@", "sh", "-c", "echo up; cat"], { caller });
    expect(await held.line()).toBe("up");
    const second = await scene.run(["run", "--name", name, "@", "true"], { caller });
    expect(second.err).toMatch(/\[CONFLICT\]/);
    expect(second.code).toBe(125);
    expect(readFileSync(`/proc/${held.pid}/cmdline`, "utf8")).toBe(`pidbox\0${name}\0`);
    expect((await held.end()).code).toBe(0);
    expect(await scene.output(["run", "--name", name, "@", "echo", "free again"], { caller })).toBe("free again");
    for (const wrong of ["", "../x", "a/b", ".hidden", "x\ny", "a".repeat(300)]) {
      expect((await scene.run(["run", "--name", wrong, "@", "true"], { caller })).code).toBe(125);
    }
  });

  test("--cidfile: the id, in a file that was not there; --label is noted", async () => {
    const directory = scene.makeDirectory(`cid-${caller}`);
    const file = `${directory}/id`;
    const labels = ["--label", "one=1", "-l", "two", "--label", "control=\u001b[31m\n"];
    const held = scene.hold(["run", "-i", "--cidfile", file, ...labels, "@", "sh", "-c", "echo up; cat"], { caller });
    expect(await held.line()).toBe("up");
    const id = readFileSync(file, "utf8");
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    const root = caller === "root" ? "/run/pidbox" : `${scene.runtime}/pidbox`;
    expect(JSON.parse(readFileSync(`${root}/containers/${id}/state.json`, "utf8"))).toMatchObject({ id, labels: { one: "1", two: "" } });
    expect((await scene.run(["ps", "-a"], { caller })).out).not.toContain("\u001b");
    expect((await held.end()).code).toBe(0);
    const second = await scene.run(["run", "--cidfile", file, "@", "true"], { caller });
    expect(second.err).toContain("[CONFLICT]");
    expect(readFileSync(file, "utf8")).toBe(id);
    rmSync(file);
  });

  test("--sysctl of the container's own namespaces; what belongs to the host is refused", async () => {
    const flags = ["--sysctl", "net.ipv4.ip_default_ttl=42", "--sysctl", "kernel.msgmax=4000", "--sysctl", "net/ipv4/ip_forward=1"];
    expect(await scene.output(["run", ...flags, "@", "sh", "-c", "cd /proc/sys; cat net/ipv4/ip_default_ttl kernel/msgmax net/ipv4/ip_forward"], { caller })).toBe("42\n4000\n1");
    for (const wrong of ["kernel.core_pattern=|/bin/sh", "kernel.sysrq=1", "vm.swappiness=1", "net.ipv4/../../kernel/core_pattern=x", "kernel.hostname=x", "nothing"]) {
      const { code, err } = await scene.run(["run", "--sysctl", wrong, "@", "true"], { caller });
      expect(err).toMatch(/\[(REFUSED_UNSAFE|USAGE|CONFIG_INVALID)\]/);
      expect(code).toBe(125);
    }
  });

  test("--security-opt: no-new-privileges, seccomp, proc-opts, and words that are unknown", async () => {
    const status = ["grep", "-E", "^(NoNewPrivs|Seccomp):", "/proc/self/status"];
    expect(await scene.output(["run", "--security-opt", "no-new-privileges", "@", ...status], { caller })).toBe("NoNewPrivs:\t1\nSeccomp:\t2");
    const profile = `${scene.directory}/profile.json`;
    writeFileSync(profile, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 30 }] }));
    expect((await scene.run(["run", "--security-opt", `seccomp=${profile}`, "@", "mkdir", "/x"], { caller })).err).toBe("mkdir: can't create directory '/x': Read-only file system\n");
    expect(await scene.output(["run", "--security-opt", "proc-opts=subset=pid", "@", "ls", "/proc"], { caller })).not.toContain("cpuinfo");
    for (const wrong of ["nothing", "seccomp=/no/such/file", "proc-opts=gid", "landlock=more", "seccomp:"]) {
      const { code } = await scene.run(["run", "--security-opt", wrong, "@", "true"], { caller });
      expect([wrong, code]).toEqual([wrong, wrong === "seccomp:" ? 0 : 125]);
    }
  });

  needs("noapparmor")("--security-opt apparmor= fails where the module is not active, and is not passed over", async () => {
    expect((await scene.run(["run", "--security-opt", "apparmor=profile", "@", "true"], { caller })).err).toContain("AppArmor is not active");
    expect((await scene.run(["run", "--security-opt", "apparmor=unconfined", "@", "true"], { caller })).code).toBe(0);
  });

  needs("noselinux")("--security-opt label= fails where the module is not active, and is not passed over", async () => {
    expect((await scene.run(["run", "--security-opt", "label=type:x", "@", "true"], { caller })).err).toContain("SELinux is not active");
    expect((await scene.run(["run", "--security-opt", "label=disable", "@", "true"], { caller })).code).toBe(0);
  });

  test("--explain prints the plan and starts nothing, as text and as JSON", async () => {
    const marker = scene.makeDirectory(`explain-${caller}`);
    const flags = ["-v", `${marker}:/out`, "--cidfile", `${marker}/id`, "--sysctl", "net.ipv4.ip_forward=1"];
    const text = await scene.output(["run", "--explain", ...flags, "@", "touch", "/out/ran"], { caller });
    expect(text).toMatch(/^# \/linux\/sysctl\/net/m);
    expect(text).toContain("supervise until the container ends");
    const out = await scene.output(["run", "--explain", "--format", "json", ...flags, "@", "touch", "/out/ran"], { caller });
    const json = JSON.parse(out) as { ops: { from: string; does: string }[] };
    expect(json.ops.some((op) => op.does.includes("/bin/touch"))).toBe(true);
    expect(json.ops.every((op) => op.from !== "")).toBe(true);
    expect(readdirSync(marker)).toEqual([]);
    expect((await scene.run(["do", "--explain", "true"], { caller })).code).toBe(0);
  });

  test("--verify reads the wall back before the program starts", async () => {
    const { code, out } = await scene.run(["run", "--verify", "@", "echo", "started"], { caller });
    expect(out).toEndWith("started\n");
    expect(code).toBe(0);
  });

  test("--fault: an op that fails is told, and nothing runs", async () => {
    const { code, out, err } = await scene.run(["run", "--fault", "40", "@", "echo", "started"], { caller });
    expect({ code, out }).toEqual({ code: 125, out: "" });
    expect(err).toContain("op 40");
  });

  test("namespaces are new, all eight", async () => {
    const types = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];
    const out = await scene.output(["run", "@", "sh", "-c", `for n in ${types.join(" ")}; do readlink /proc/self/ns/$n; done`], { caller });
    const host = types.map((type) => readlinkSync(`/proc/self/ns/${type}`));
    expect(out.split("\n").filter((one) => host.includes(one))).toEqual([]);
    expect(out.split("\n")).toHaveLength(8);
  });

  test("--ipc=none and =private, --cgroupns=private, --uts=private, --pid=private, --userns=private are what is there anyway", async () => {
    const flags = ["--ipc=private", "--cgroupns=private", "--uts=private", "--pid=private", "--userns=private"];
    expect(await scene.output(["run", ...flags, "@", "sh", "-c", "echo $$; cat /proc/self/cgroup | grep -vc ':/$'; true"], { caller })).toMatch(/^2\n\d+$/);
    for (const flag of ["--ipc=share", "--pid=others", "--uts=x", "--cgroupns=y", "--userns=keep-id"]) {
      expect((await scene.run(["run", flag, "@", "true"], { caller })).code).toBe(125);
    }
  });
});

needs("root")("--pid=container: joins the PID namespace of another container, and ends without it", async () => {
  const first = scene.hold(["run", "-i", "--name", `first-${process.pid}`, "@", "sh", "-c", "echo up; cat"]);
  expect(await first.line()).toBe("up");
  const namespace = readlinkSync(`/proc/${childrenOf(first.pid).get("pidbox-init")}/ns/pid`);
  const script = "readlink /proc/self/ns/pid; cat /proc/1/comm; readlink /proc/self/ns/net; cat /proc/self/uid_map; sleep 60 & exit 3";
  const second = await scene.run(["run", "--pid", `container:first-${process.pid}`, "@", "sh", "-c", script]);
  expect(second.code).toBe(3);
  const [pid, comm, net, map] = second.out.split("\n");
  expect([pid, comm]).toEqual([namespace, "pidbox-init"]);
  expect(net).not.toBe(readlinkSync(`/proc/${childrenOf(first.pid).get("pidbox-init")}/ns/net`));
  expect(map).toBe(readFileSync(`/proc/${childrenOf(first.pid).get("pidbox-init")}/uid_map`, "utf8").trimEnd());
  expect((await scene.run(["do", "--pid", `container:first-${process.pid}`, "no-such-program"])).code).toBe(127);
  expect((await first.end()).code).toBe(0);
  const gone = await scene.run(["run", "--pid", `container:first-${process.pid}`, "@", "true"]);
  expect(gone.err).toContain("[NOT_FOUND]");
});

needs("root")("the joined container's end is the end of those that joined", async () => {
  const first = scene.hold(["run", "-i", "--name", `host-of-${process.pid}`, "@", "sh", "-c", "echo up; cat"]);
  expect(await first.line()).toBe("up");
  const guest = scene.hold(["run", "-i", "--pid", `container:host-of-${process.pid}`, "@", "sh", "-c", "echo up; sleep 60"]);
  expect(await guest.line()).toBe("up");
  expect((await first.end()).code).toBe(0);
  expect((await guest.ended()).code).toBe(137);
});

needs("root")("an unprivileged user cannot join, and is told", async () => {
  const first = scene.hold(["run", "-i", "--name", "mine", "@", "sh", "-c", "echo up; cat"], { caller: "rootless" });
  expect(await first.line()).toBe("up");
  const { code, err } = await scene.run(["run", "--pid=container:mine", "@", "true"], { caller: "rootless" });
  expect(err).toContain("Cannot share a PID namespace as an unprivileged user");
  expect(code).toBe(125);
  expect((await first.end()).code).toBe(0);
});
