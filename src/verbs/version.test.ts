import { expect, test } from "bun:test";
import { version as packageVersion } from "../../package.json";
import { parseArguments } from "../cli/arguments.ts";
import { version } from "./version.ts";

const context = {
  environment: {}, executable: "/pidbox", cwd: "/", argv: [], terminal: { stdin: false, stdout: false, stderr: false },
  note: () => {},
  write: () => 0,
};

test("version reports what was built and what it runs on", async () => {
  const outcome = await version.run(parseArguments(version, []), context);
  const kernel = Bun.spawnSync(["uname", "-r"]).stdout.toString().trim();
  expect(outcome.data).toEqual({ version: packageVersion, commit: null, bun: Bun.version, kernel, arch: process.arch });
  expect(outcome.text?.()).toContain(`kernel   ${kernel}\n`);
});
