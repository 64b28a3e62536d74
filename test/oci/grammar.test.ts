/** The command line of pidbox-oci against that of the runc that is installed: same exit codes, same streams, same words. */
import { afterAll, describe, expect } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { needs } from "../parts.ts";
import { messageOf, PIDBOX_OCI, RUNC, run } from "./runtime.ts";
import type { Result } from "./runtime.ts";

const directory = mkdtempSync("/tmp/pidbox-grammar-");
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What a result says without what may differ: the program's name, the words of help, and a container's id in a message. */
function shape({ code, out, err }: Result): Record<string, unknown> {
  const first = out.split("\n")[0] ?? "";
  const message = messageOf(err)?.replace(`${PIDBOX_OCI}:`, `${RUNC}:`).replace(/container "[^"]*" does not exist/, "container does not exist").replace(/\n$/, "");
  return { code, stdout: out === "" ? "nothing" : first, message: message ?? err };
}

/** Each as words after the global --root. */
const SAME: readonly (readonly string[])[] = [
  // Global options.
  [], [""], ["help"], ["h"], ["help", "state"], ["h", "bogus"], ["bogus"], ["-", "list"], ["--", "list"],
  ["--bogus", "state"], ["-bogus=1"], ["---", "list"], ["-=x"], ["--=x"],
  ["--help", "list"], ["-h"], ["--help=false", "list"], ["--root"], ["-debug=false", "list"], ["-d", "list"],
  ["--debug=maybe", "list"], ["--log-format", "xml", "list"],
  ["--log=", "list"], ["--log", "/nonexistent-directory/log", "list"], ["--criu", "x", "list"],
  ["--version=false", "list"], ["-systemd-cgroup=false", "list"],
  // list
  ["list"], ["list", "x"], ["list", "-"], ["list", "-q"], ["list", "--quiet=1"], ["list", "--quiet=banana"],
  ["list", "-q=false"], ["list", "-f", "json"], ["list", "-format=json"],
  ["list", "--f", "json"], ["list", "-f", ""], ["list", "-f", "xml"], ["list", "-f"], ["list", "--format"],
  ["list", "-qf", "json"], ["list", "-f", "json", "--format", "table"],
  ["list", "--help"], ["list", "-h", "x"], ["list", "--help=false"], ["list", "--generate-bash-completion"],
  ["list", "help"],
  // state
  ["state"], ["state", "nope"], ["state", "nope", "--foo"], ["state", "nope", "x"], ["state", "-x", "nope"],
  ["state", ""], ["state", "--log", "x", "nope"], ["state", "--", "nope"],
  // kill
  ["kill"], ["kill", "nope"], ["kill", "nope", "KILL"], ["kill", "nope", "BOGUS"], ["kill", "nope", "-5"],
  ["kill", "nope", "-a", "KILL"], ["kill", "a", "b", "c"], ["kill", "-9x", "nope"],
  ["kill", "--", "nope"], ["kill", "-a=x", "nope"], ["kill", "--all", "nope"],
  // create, start, run, exec
  ["create"], ["create", "a", "b"], ["create", "--preserve-fds", "x", "y"], ["create", "--preserve-fds=99999999999999999999", "y"],
  ["create", "--bundle=/tmp", "-b", "/tmp", "x"], ["create", "--tty", "x"], ["create", "-h"], ["start"], ["start", "nope"], ["start", "nope", "x"],
  ["start", "-b", "x"], ["run"], ["run", "a", "b"], ["run", "--keep=x", "a"], ["run", "-d=maybe", "a"], ["run", "-it", "a"],
  ["exec"], ["exec", "nope", "true"], ["exec", "-it", "nope", "true"], ["exec", "nope", "-t", "true"], ["exec", "-e", "a=b", "-e", "c=d", "nope", "true"],
  ["exec", "--preserve-fds", "x", "nope", "true"], ["exec", "-t", "--tty", "nope"], ["exec", "--help"], ["exec", "-u"], ["exec", "-g", "0", "nope", "x"],
  // spec, features, checkpoint, restore
  ["spec", "x"], ["spec", "--rootless=x"], ["spec", "-h"], ["features", "x"], ["features", "-x"],
  ["checkpoint"], ["checkpoint", "a", "b"], ["checkpoint", "-x", "a"],
  ["checkpoint", "--status-fd", "x", "a"], ["restore"], ["restore", "--help"], ["restore", "--detach=x", "a"],
  // update, events, ps, pause, resume
  ["update"], ["update", "nope"], ["update", "nope", "x"], ["update", "-r", "-", "nope"], ["update", "nope", "--resources", "-"], ["update", "nope", "-r"],
  ["update", "--cpu-quota", "-5", "nope"], ["update", "nope", "--cpu-quota", "-5"], ["update", "--memory", "-1", "nope"], ["update", "nope", "--memory=-1"],
  ["update", "--blkio-weight", "abc", "nope"], ["update", "--pids-limit=99999999999999999999", "nope"], ["update", "--kernel-memory", "1", "nope"],
  ["update", "--memory", "--memory", "nope"], ["events"], ["events", "nope"], ["events", "--interval", "5", "nope"], ["events", "--interval", "5s", "nope"],
  ["events", "--interval=-5s", "nope"], ["events", "--stats=maybe", "nope"], ["ps"], ["ps", "nope"], ["ps", "nope", "-f", "json"],
  ["ps", "-f", "json", "nope", "-aux"],
  ["ps", "--help"], ["pause"], ["pause", "nope"], ["pause", "nope", "x"], ["resume"], ["resume", "nope"], ["resume", "-x", "nope"],
  ["kill", "nope", "--", "KILL"], ["kill", "-a", "--", "nope"], ["kill", "nope", "--all", "--", "KILL"],
  // delete
  ["delete"], ["delete", "nope"], ["delete", "-f", "nope"], ["delete", "nope", "-f"],
  ["delete", "nope", "--force=false"], ["delete", "nope", "-f", "x"], ["delete", "nope", "--", "-f"],
  ["delete", "-f", "--", "nope"], ["delete", "nope", "---f"], ["delete", "nope", "-f=true"],
  ["delete", "nope", "-f=bogus"], ["delete", "nope", "--f"], ["delete", "-f", "-force", "nope"],
];

describe("pidbox-oci answers as runc does to", () => {
  for (const words of SAME) {
    needs("runc")(JSON.stringify(words), () => {
      const [theirs, ours] = [RUNC, PIDBOX_OCI].map((program) => run(program, ["--root", `${directory}/root`, ...words]));
      if (theirs === undefined || ours === undefined) throw new Error("not run");
      expect(shape({ ...ours, out: ours.out.replaceAll("pidbox-oci", "runc") })).toEqual(shape(theirs));
    });
  }
});

describe("the log", () => {
  for (const format of ["text", "json"]) {
    needs("runc")(`in ${format} has the entries that runc writes, and stderr the bare message`, () => {
      const results = [RUNC, PIDBOX_OCI].map((program, i) => {
        const log = `${directory}/log-${format}-${i}`;
        const argv = ["--root", `${directory}/root`, "--log", log, "--log-format", format, "state", "nope"];
        const result = run(program, argv);
        run(program, argv);
        const bare = (text: string): string => text.replaceAll('container "nope"', "container").replaceAll('container \\"nope\\"', "container");
        const entries = bare(readFileSync(log, "utf8")).replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)/g, "TIME");
        return { ...result, err: bare(result.err), log: entries };
      });
      expect(results[1]).toEqual(results[0]);
      expect(results[1]?.log.split("\n").length).toBe(3);
    });
  }
  needs("runc")("is made by a command that has nothing to say", () => {
    for (const [i, program] of [RUNC, PIDBOX_OCI].entries()) {
      run(program, ["--root", `${directory}/root`, "--log", `${directory}/quiet-${i}`, "list"]);
      expect(existsSync(`${directory}/quiet-${i}`)).toBe(true);
    }
  });
});
