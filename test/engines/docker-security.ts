/** Privileges of containers of docker: capabilities, filters, labels. */
import { writeFileSync } from "node:fs";
import { lacksCapabilities } from "./differences.ts";
import { type DockerBox } from "./docker.ts";
import { type Scenario } from "./scenario.ts";

const STATUS = "grep -E '^(Cap|NoNewPrivs|Seccomp)' /proc/self/status";

/** A filter that refuses one system call with an errno, and kills or logs others. */
function profile(box: DockerBox, name: string, syscalls: readonly unknown[], more: object = {}): string {
  const path = `${box.directory}/${name}.json`;
  writeFileSync(path, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"], syscalls, ...more }));
  return `seccomp=${path}`;
}

/** runc does not start what asks for a capability that the engine lacks (differences.ts). */
const GRANTED = lacksCapabilities() ? { started: false, all: false } : { started: true, all: true };

export const SECURITY: readonly Scenario<DockerBox>[] = [
  {
    name: "capabilities", expected: { added: { code: 0 }, none: { code: 0 } },
    async run(box) {
      return {
        added: await box.run(["--cap-add", "SYS_ADMIN", "--cap-add", "CAP_NET_ADMIN"], STATUS), dropped: await box.run(["--cap-drop", "CHOWN"], `${STATUS}; chown 1 /tmp`),
        none: await box.run(["--cap-drop", "ALL"], STATUS), one: await box.run(["--cap-drop", "ALL", "--cap-add", "KILL"], STATUS),
        user: await box.run(["-u", "worker", "--cap-add", "NET_ADMIN"], STATUS),
        unknown: await box.run(["--cap-add", "NOSUCH"], ["true"]),
      };
    },
  },
  {
    name: "all capabilities", expected: GRANTED,
    async run(box) {
      const { code, out } = await box.run(["--cap-add", "ALL"], "awk '/^CapEff/ { e = $2 } /^CapBnd/ { b = $2 } END { print e, b }' /proc/self/status");
      // docker knows fewer than the kernel, and CAP_SYS_ADMIN is number 21.
      const [effective, bounding] = out.trim().split(" ").map((mask) => Number.parseInt(mask, 16));
      return { started: code === 0, all: effective === bounding && ((effective ?? 0) / 2 ** 21) % 2 >= 1 };
    },
  },
  {
    name: "every privilege", driver: "both", expected: GRANTED,
    async run(box) {
      const { code, out } = await box.run(["--privileged"], "mount -t tmpfs tmpfs /tmp && echo mounted; ls /dev/loop0; grep Seccomp: /proc/self/status");
      return { started: code === 0, all: out === "mounted\n/dev/loop0\nSeccomp:\t0\n" };
    },
  },
  {
    name: "no new privileges", expected: { with: { code: 0, out: "NoNewPrivs:\t1\n" }, without: { out: "NoNewPrivs:\t0\n" } },
    async run(box) {
      const script = "grep NoNewPrivs /proc/self/status";
      return { with: await box.run(["--security-opt", "no-new-privileges"], script), without: await box.run([], script) };
    },
  },
  {
    name: "the default filter", expected: { code: 0, err: "" },
    async run(box) {
      const { code, out } = await box.run([], "unshare -U true 2>&1; unshare -m true 2>&1; mount -t tmpfs x /tmp 2>&1; date -s 2020-01-01 2>&1; swapon /x 2>&1; true");
      return { code, err: "", seen: out };
    },
  },
  {
    name: "filters of one's own",
    expected: { refused: { code: 1, out: "" }, killed: { code: 159 }, errno: { code: 1 }, argument: { out: "yes\n" } },
    async run(box) {
      const refuse = profile(box, "refuse", [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }]);
      const kill = profile(box, "kill", [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_KILL_PROCESS" }]);
      const errno = profile(box, "errno", [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }]);
      const argument = profile(box, "argument", [{ names: ["kill"], action: "SCMP_ACT_ERRNO", args: [{ index: 1, value: 12, op: "SCMP_CMP_EQ" }] }]);
      const names = profile(box, "names", [{ names: ["nosuchcall", "mkdir"], action: "SCMP_ACT_ERRNO" }]);
      const bad = profile(box, "bad", [{ names: ["mkdir"], action: "SCMP_ACT_NONSENSE" }]);
      const run = (option: string, script: string): Promise<unknown> => box.run(["--security-opt", option], script);
      return {
        refused: await run(refuse, "mkdir /x"), killed: await run(kill, "exec mkdir /x"), errno: await run(errno, "mkdir /x"),
        argument: await run(argument, "trap '' USR2; kill -USR2 $$ 2>/dev/null || echo yes"), names: await run(names, "mkdir /x"), bad: await run(bad, "true"),
        none: await run("seccomp=unconfined", "unshare -U true && grep Seccomp: /proc/self/status"),
        privileges: await box.run(["--security-opt", refuse, "--security-opt", "no-new-privileges"], "mkdir /x; grep -E 'Seccomp:|NoNew' /proc/self/status"),
      };
    },
  },
  {
    name: "a filter in exec", expected: { inside: { code: 1 } },
    async run(box) {
      const refuse = profile(box, "refuse", [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }]);
      await box.start(["--security-opt", refuse], ["sleep", "1000"]);
      return { inside: await box.exec("mkdir /x"), privileged: await box.exec("grep -E 'Cap(Eff|Bnd)|Seccomp:' /proc/self/status", ["--user", "worker"]) };
    },
  },
  { name: "no security module", expected: { code: 0 }, run: (box) => box.run(["--security-opt", "apparmor=unconfined", "--security-opt", "label=disable"], "cat /proc/self/attr/current 2>/dev/null | tr -d '\\0'; true") },
  {
    name: "a profile of AppArmor that is not there", driver: "both", expected: {},
    run: (box) => box.run(["--security-opt", "apparmor=nosuchprofile"], ["true"]),
  },
  {
    name: "masked and read-only paths", expected: { code: 0 },
    async run(box) {
      const { code, out, err } = await box.run([], "for f in /proc/kcore /proc/keys /proc/timer_list /proc/acpi /sys/firmware; do [ ! -e $f ] || stat -c '%n %F' $f; done; (echo 1 >/proc/sys/kernel/domainname) 2>&1; (echo b >/proc/sysrq-trigger) 2>&1; cat /proc/keys; ls /sys/firmware; true");
      const kinds = /(character special|regular empty) file$/;
      const lines = out.split("\n");
      return { code, err, kinds: lines.filter((line) => kinds.test(line)), others: lines.filter((line) => !kinds.test(line)) };
    },
  },
];
