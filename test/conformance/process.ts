/** config.md#configProcess, #configPOSIXProcess and #configUser. */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { answers, type Bench } from "./bench.ts";
import { type Case, clause, look, verdicts } from "./case.ts";
import { type Console, withConsole } from "./console.ts";
import { merge, mounted, type Patch, USER } from "./config.ts";

const process_ = clause("config.md#configProcess");
const posix = clause("config.md#configPOSIXProcess");
const user = clause("config.md#configPOSIXUser");

const TERMINAL: Patch = { process: { terminal: true } };

/** Runs queries with a terminal; what the far end of the console showed. */
async function atTerminal(bench: Bench, patch: Patch, queries: readonly string[], typed?: string): Promise<Record<string, string>> {
  return withConsole(bench, async (console: Console) => {
    const container = bench.container(merge(merge(TERMINAL, patch), { process: { args: ["/bin/probe", ...queries] } }));
    const { code, err } = await container.create({ flags: ["--console-socket", console.socket] });
    if (code !== 0) throw new Error(err);
    await container.start();
    if (typed !== undefined) console.type(typed);
    await container.ended();
    return console.answers();
  });
}

const PROCESS: readonly Case[] = [
  process_("process-terminal", "MUST", "`terminal` specifies whether a terminal is attached to the process: the pseudoterminal is duplicated on the process's standard streams",
    { tty: "1 1 1, controlling ok", session: "1", "stat:/dev/console": "char 5 or 136" }, async (bench) => {
      const found = await atTerminal(bench, {}, ["tty", "session", "stat:/dev/console"]);
      return {
        tty: found["tty"]?.replace(/, \d+x\d+$/, ""), session: found["session"],
        "stat:/dev/console": /^char .* 136:\d+$/.test(found["stat:/dev/console"] ?? "") ? "char 5 or 136" : found["stat:/dev/console"],
      };
    }),
  process_("process-terminal-socket", "MUST", "a pseudoterminal pair is allocated for the process: its far end goes to the console socket, which a detached container needs",
    { with: "accepted", without: "refused", "without terminal": "refused", left: [] }, async (bench) => {
      const attempt = async (patch: Patch, flags: readonly string[]): Promise<string> => {
        const container = bench.container(patch);
        const { code } = await container.create({ flags });
        await container.destroy();
        return code === 0 ? "accepted" : "refused";
      };
      return withConsole(bench, async ({ socket }) => ({
        with: await attempt(TERMINAL, ["--console-socket", socket]), without: await attempt(TERMINAL, []),
        "without terminal": await attempt({}, ["--console-socket", socket]), left: bench.leftovers(),
      }));
    }),
  process_("process-no-terminal", "MUST", "`terminal` ... defaults to false.", [{ tty: "0 0 0, controlling ENXIO, 0x0" }, { tty: "0 0 0, controlling ENXIO, 0x0" }],
    async (bench) => [await bench.look({}, ["tty"]), await bench.look({ process: { terminal: false } }, ["tty"])]),
  process_("process-terminal-input", "MUST", "a terminal is attached to the process: what is typed is its input", "typed",
    async (bench) => (await atTerminal(bench, {}, ["spawn:/bin/sh:-s", "tty"], "echo ty''ped\nexit\n"))["spawn:/bin/sh:-s"]?.match(/typed$/)?.[0]),
  process_("process-console-size", "MUST", "`consoleSize` specifies the console size in characters of the terminal.", "91x33", async (bench) =>
    (await atTerminal(bench, { process: { consoleSize: { height: 33, width: 91 } } }, ["tty"]))["tty"]?.split(", ")[2]),
  process_("process-console-size-ignored", "MUST", "Runtimes MUST ignore `consoleSize` if `terminal` is `false` or unset.", { tty: "0 0 0, controlling ENXIO, 0x0" },
    look({ process: { consoleSize: { height: 33, width: 91 } } }, "tty")),
  process_("process-cwd", "MUST", "`cwd` (string, REQUIRED) is the working directory that will be set for the executable.", { cwd: "/home" }, look({ process: { cwd: "/home" } }, "cwd")),
  process_("process-cwd-absolute", "MUST", "This value MUST be an absolute path.", { "/home": "accepted", home: "refused", "": "refused", absent: "refused" },
    verdicts({
      "/home": { process: { cwd: "/home" } }, home: { process: { cwd: "home" } }, "": { process: { cwd: "" } }, absent: { process: { cwd: undefined } },
    })),
  process_("process-cwd-made", "MAY", "the working directory that will be set: one that is not there is made", { cwd: "/home/new/dir", "stat:/home/new/dir": "directory 755 0:0" },
    look({ process: { cwd: "/home/new/dir" } }, "cwd", "stat:/home/new/dir")),
  process_("process-cwd-user", "MUST", "the working directory that will be set for the executable: its user is the one who must be able to enter it", { cwd: "/private" }, async (bench) => {
    const container = bench.container({ process: { cwd: "/private", user: { uid: 1000, gid: 1000 }, args: ["/bin/probe", "cwd"] } });
    mkdirSync(`${container.rootfs}/private`);
    chmodSync(`${container.rootfs}/private`, 0o700);
    chownSync(`${container.rootfs}/private`, 1000, 1000);
    return answers((await container.run()).out);
  }),
  process_("process-env", "MUST", "`env` with the same semantics as IEEE Std 1003.1-2008's `environ`.", "A=1 B=two words C= PATH=/bin ", async (bench) => {
    const found = await bench.look({ process: { env: ["A=1", "B=two words", "C=", "PATH=/bin"] } }, ["env"], { env: { LEAK: "1" } });
    // What a runtime adds for a login environment is no part of the configuration.
    return found["env"]?.replace(/ ?\bHOME=\S*/, "");
  }),
  process_("process-env-only", "MUST", "`env` (array of strings, OPTIONAL): nothing of the runtime's environment", "", async (bench) =>
    (await bench.look({ process: { env: undefined } }, ["env"], { env: { LEAK: "1", _LIBCONTAINER_X: "1" } }))["env"]?.match(/LEAK=1|_\w+=\S*/)?.[0] ?? ""),
  process_("process-env-last", "MUST", "same semantics as `environ`: of a name that occurs twice the last one holds", "2", async (bench) => {
    const container = bench.container({ process: { args: ["/bin/sh", "-c", "echo $A"], env: ["PATH=/bin", "A=1", "A=2"] } });
    return (await container.run()).out.trim();
  }),
  process_("process-args-required", "MUST", "at least one entry is REQUIRED", { one: "accepted", none: "refused", absent: "refused" },
    verdicts({ one: {}, none: { process: { args: [] } }, absent: { process: { args: undefined } } })),
  process_("process-args-path", "MUST", "that entry is used with the same semantics as `execvp`'s file.",
    { absolute: "ran", searched: "ran", second: "ran", "not there": "error", relative: "ran" }, async (bench) => {
      const found: Record<string, string> = {};
      const cases: Record<string, Patch> = {
        absolute: { args: ["/bin/echo", "ran"] }, searched: { args: ["echo", "ran"] }, second: { args: ["echo", "ran"], env: ["PATH=/nowhere:/bin"] },
        "not there": { args: ["echo", "ran"], env: ["PATH=/nowhere"] }, relative: { args: ["bin/echo", "ran"] },
      };
      for (const [name, patch] of Object.entries(cases)) {
        const { code, out } = await bench.container({ process: patch }).run();
        found[name] = code === 0 ? out.trim() : "error";
      }
      return found;
    }),
  process_("process-args-inside", "MUST", "`execvp`'s file: a path of the container", "error", async (bench) => {
    writeFileSync(`${bench.directory}/script`, "#!/bin/sh\n");
    chmodSync(`${bench.directory}/script`, 0o755);
    return (await bench.container({ process: { args: [`${bench.directory}/script`] } }).run()).code === 0 ? "ran" : "error";
  }),
  process_("process-exit-code", "MUST", "specifies the container process: `run` ends as it does", { "exit 0": 0, "exit 7": 7, "exit 255": 255, killed: 137 }, async (bench) => {
    const found: Record<string, number> = {};
    for (const code of [0, 7, 255]) found[`exit ${code}`] = (await bench.container({ process: { args: ["/bin/probe", `exit:${code}`] } }).run()).code;
    const container = bench.container({ process: { args: ["/bin/sh", "-c", "kill -9 $$"] }, linux: { namespaces: [{ type: "mount" }] } });
    return { ...found, killed: (await container.run()).code };
  }),
  process_("process-streams", "MUST", "standard streams of the process are those of the runtime without a terminal", { out: "input\n", err: "to stderr\n", code: 0 }, async (bench) => {
    const { out, err, code } = await bench.container({ process: { args: ["/bin/sh", "-c", "cat; echo to stderr >&2"] } }).run({ input: "input\n" });
    return { out, err, code };
  }),
  process_("process-signals", "MUST", "specifies the container process: it starts with no signal blocked or ignored", { signals: "blocked, ignored" }, look({}, "signals")),
];

const LIMIT_NAMES = [
  "AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE", "NPROC", "RSS", "RTPRIO", "RTTIME", "SIGPENDING", "STACK",
];
const INFINITY = 2n ** 64n - 1n;

/** Limits that are within those of this process, for raising one takes a privilege that it may not have: `soft hard` by name. */
function possibleLimits(bench: Bench): Record<string, string> {
  const queries = LIMIT_NAMES.map((name) => `rlimit:${name}`);
  const own = answers(Bun.spawnSync([bench.probe, ...queries]).stdout.toString());
  return Object.fromEntries(queries.map((query) => {
    const hard = BigInt(own[query]?.split(" ")[1] ?? 0);
    const wanted = hard > 40_000_000n ? 40_000_000n : hard;
    return [query, `${(wanted * 3n) / 4n} ${wanted}`];
  }));
}

const POSIX: readonly Case[] = [
  posix("rlimits-all", "MUST", "For each entry in `rlimits`, a getrlimit(3) on `type` MUST succeed: `rlim.rlim_cur`, `rlim.rlim_max` MUST match the configured value.",
    Object.fromEntries(LIMIT_NAMES.map((name) => [name, "as configured"])), async (bench) => {
      const wanted = possibleLimits(bench);
      const rlimits = LIMIT_NAMES.map((name) =>
        ({ type: `RLIMIT_${name}`, soft: Number(wanted[`rlimit:${name}`]?.split(" ")[0]), hard: Number(wanted[`rlimit:${name}`]?.split(" ")[1]) }));
      const found = await bench.look({ process: { rlimits } }, Object.keys(wanted));
      return Object.fromEntries(LIMIT_NAMES.map((name) => [name, found[`rlimit:${name}`] === wanted[`rlimit:${name}`] ? "as configured" : found[`rlimit:${name}`]]));
    }),
  posix("rlimits-infinity", "MUST", "`soft` (uint64), `hard` (uint64)", { "rlimit:FSIZE": `70000 ${INFINITY}`, "rlimit:AS": `${INFINITY} ${INFINITY}` }, async (bench) => {
    const rlimits = [{ type: "RLIMIT_FSIZE", soft: 70_000, hard: 111 }, { type: "RLIMIT_AS", soft: 111, hard: 111 }];
    const container = bench.container({ process: { args: ["/bin/probe", "rlimit:FSIZE", "rlimit:AS"], rlimits } });
    container.write(JSON.stringify(container.config).replaceAll("111", String(INFINITY)));
    return answers((await container.run()).out);
  }),
  posix("rlimits-unknown", "MUST", "The runtime MUST generate an error for any values which cannot be mapped to a relevant kernel interface.",
    { RLIMIT_NOFILE: "accepted", RLIMIT_BOGUS: "refused", NOFILE: "refused", absent: "refused" },
    verdicts(Object.fromEntries([
      ["RLIMIT_NOFILE", "RLIMIT_NOFILE"], ["RLIMIT_BOGUS", "RLIMIT_BOGUS"], ["NOFILE", "NOFILE"], ["absent", undefined],
    ].map(([name, type]) => [name, { process: { rlimits: [{ type, soft: 100, hard: 100 }] } }])))),
  posix("rlimits-duplicate", "MUST", "If `rlimits` contains duplicated entries with same `type`, the runtime MUST generate an error.", { once: "accepted", twice: "refused" },
    verdicts({
      once: { process: { rlimits: [{ type: "RLIMIT_NOFILE", soft: 100, hard: 100 }] } },
      twice: { process: { rlimits: [{ type: "RLIMIT_NOFILE", soft: 100, hard: 100 }, { type: "RLIMIT_NOFILE", soft: 100, hard: 100 }] } },
    })),
  posix("rlimits-soft-above-hard", "MUST", "the ceiling for the soft limit", { below: "accepted", above: "refused" },
    verdicts({
      below: { process: { rlimits: [{ type: "RLIMIT_NOFILE", soft: 10, hard: 20 }] } },
      above: { process: { rlimits: [{ type: "RLIMIT_NOFILE", soft: 20, hard: 10 }] } },
    })),
  posix("rlimits-user-namespace", "MUST", "`rlim.rlim_max` MUST match the configured value: in a user namespace too", { "rlimit:NPROC": "4000 5000" },
    look(merge(USER, { process: { rlimits: [{ type: "RLIMIT_NPROC", soft: 4000, hard: 5000 }] } }), "rlimit:NPROC")),
];

const USERS: readonly Case[] = [
  user("user-ids", "MUST", "`uid` and `gid` specify the user and group ID in the container namespace.", { ids: "1000 1000 1000, 2000 2000 2000," }, async (bench) => {
    const found = await bench.look({ process: { user: { uid: 1000, gid: 2000 } } }, ["ids"]);
    // Whether the primary group is in the list of groups too is not said.
    return { ids: found["ids"]?.replace(/, 2000$/, ",") };
  }),
  user("user-ids-namespace", "MUST", "specifies the user ID in the container namespace", { ids: "1000 1000 1000, 2000 2000 2000,", "read:/proc/self/uid_map": "0     100000      65536" }, async (bench) => {
    const found = await bench.look(merge(USER, { process: { user: { uid: 1000, gid: 2000 } } }), ["ids", "read:/proc/self/uid_map"]);
    return { ids: found["ids"]?.replace(/, 2000$/, ","), "read:/proc/self/uid_map": found["read:/proc/self/uid_map"]?.trim() };
  }),
  user("user-groups", "MUST", "`additionalGids` specifies additional group IDs in the container namespace to be added to the process.", "5 6 44", async (bench) =>
    (await bench.look({ process: { user: { uid: 1000, gid: 2000, additionalGids: [44, 6, 5] } } }, ["ids"]))["ids"]
      ?.split(", ")[2]?.replace(/ ?\b2000\b/, "").trim()),
  user("user-groups-none", "MUST", "`additionalGids` (OPTIONAL): none of the runtime's own groups", "", async (bench) =>
    (await bench.look({ process: { user: { uid: 1000, gid: 2000 } } }, ["ids"],
      { before: ["setpriv", "--groups", "77,78"] }))["ids"]
      ?.split(", ")[2]?.replace(/\b2000\b/, "").trim() ?? ""),
  user("user-umask", "MUST", "`umask` specifies the umask of the user.", [{ umask: "27" }, { umask: "0" }, { umask: "777" }], async (bench) => {
    const found = [];
    for (const umask of [0o27, 0, 0o777]) found.push(await bench.look({ process: { user: { umask } } }, ["umask"]));
    return found;
  }),
  user("user-umask-inherited", "SHOULD", "If unspecified, the umask should not be changed from the calling process' umask.", { umask: "13" }, (bench) => bench.look({}, ["umask"], { before: ["sh", "-c", 'umask 013 && exec "$@"', "sh"] })),
  user("user-required", "MUST", "`uid` (int, REQUIRED), `gid` (int, REQUIRED): values that are no ids", { zero: "accepted", negative: "refused", large: "refused", text: "refused" },
    verdicts({
      zero: {}, negative: { process: { user: { uid: -1 } } }, large: { process: { user: { uid: 2 ** 32 } } }, text: { process: { user: { gid: "1" } } },
    })),
  user("user-unmapped", "MUST", "in the container namespace: an ID that has no mapping there is an error", { mapped: "accepted", unmapped: "refused" },
    verdicts({ mapped: merge(USER, { process: { user: { uid: 65_535, gid: 0 } } }), unmapped: merge(USER, { process: { user: { uid: 65_536, gid: 0 } } }) })),
];

const FILES: readonly Case[] = [
  process_("process-mounted-program", "MUST", "used with the same semantics as `execvp`'s file: of a mount too", "ran", async (bench) => {
    const container = bench.container(merge(mounted({ destination: "/mnt", type: "none", source: "/bin", options: ["bind"] }),
      { process: { args: ["/mnt/busybox", "echo", "ran"] } }));
    return (await container.run()).out.trim();
  }),
];

export const PROCESS_CASES: readonly Case[] = [...PROCESS, ...FILES, ...POSIX, ...USERS];
