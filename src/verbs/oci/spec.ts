/** `pidbox-oci spec`: writes an example of a config.json. */
import { PidboxError } from "../../base/error.ts";
import { absolute } from "../../base/path.ts";
import { quote } from "../../base/text.ts";
import { errnoName } from "../../kernel/abi/errno.ts";
import { SYSCALLS } from "../../kernel/abi/host.ts";
import { syscall } from "../../kernel/ffi.ts";
import { stat, writeFile } from "../../kernel/file.ts";
import { exampleConfig, rootlessConfig } from "../../spec/example-config.ts";
import { SPEC_VERSION } from "./verb.ts";
import type { OciVerb } from "./verb.ts";

const EEXIST = -17;

function write(directory: string, text: string): void {
  const path = `${directory}/config.json`;
  const result = writeFile(path, text, { mode: 0o666, exclusive: true });
  if (result === EEXIST) throw new PidboxError("CONFLICT", "File config.json exists. Remove it first");
  if (result < 0) throw new PidboxError("IO", `open ${quote(path).slice(1, -1)}: ${errnoName(result)}`, { context: { path, errno: errnoName(result) } });
}

export const spec: OciVerb = {
  name: "spec",
  summary: "create a new specification file",
  usage: "",
  description: `The spec command creates the new specification file named "config.json" for the bundle.

The spec generated is just a starter file. Editing of the spec is required to achieve desired results: its args run "sh", which a root filesystem may lack.`,
  options: [
    { name: "bundle", short: "b", kind: "text", initial: "", help: "path to the root of the bundle directory" },
    { name: "rootless", help: "generate a configuration for a rootless container" },
  ],
  operands: [],
  run(args, context) {
    const bundle = args.value("bundle") ?? "";
    const directory = bundle === "" ? context.cwd : absolute(bundle, context.cwd);
    const unified = typeof stat("/sys/fs/cgroup/cgroup.controllers") !== "number";
    const example = exampleConfig(SPEC_VERSION, unified);
    const config = args.flag("rootless") ? rootlessConfig(example, syscall(SYSCALLS.geteuid), syscall(SYSCALLS.getegid)) : example;
    write(directory, JSON.stringify(config, null, "\t"));
    return { exit: 0 };
  },
};
