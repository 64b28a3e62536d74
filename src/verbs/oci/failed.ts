/** What the launcher calls when the plan of a container of pidbox-oci failed: says why, as the command that made it would have. Not for people. */
import { PidboxError } from "../../base/error.ts";
import { printable } from "../../base/text.ts";
import { planInImage } from "../../engine/launch.ts";
import { SYSCALLS } from "../../kernel/abi/host.ts";
import { syscall } from "../../kernel/ffi.ts";
import { readDescriptor } from "../../kernel/file.ts";
import { decodePlan } from "../../plan/decode.ts";
import { failureError } from "../../plan/failure.ts";
import type { OciArguments, OciVerb } from "./verb.ts";

const IMAGE_LIMIT = 80 << 20;
const SHOWN = 400;

/** What a hook wrote: the descriptor after that of the plan. */
function hookOutput(fd: number): string {
  syscall(SYSCALLS.lseek, fd, 0, 0);
  const bytes = readDescriptor(fd, 1 << 20);
  return typeof bytes === "number" ? "" : printable(new TextDecoder().decode(bytes).trim()).slice(0, SHOWN);
}

function explain(args: OciArguments): never {
  const [fd, op, error, value] = args.operands.map(Number) as [number, number, number, number];
  syscall(SYSCALLS.lseek, fd, 0, 0);
  const image = readDescriptor(fd, IMAGE_LIMIT);
  if (typeof image === "number") throw new PidboxError("DEFECT", `The plan failed at op ${op} with errno ${error}, and its text cannot be read`);
  const plan = decodePlan(planInImage(image));
  const failure = failureError(plan, { op, error, value });
  const output = (plan.ops[op]?.from ?? "").startsWith("/hooks/") ? hookOutput(fd + 1) : "";
  if (output === "") throw failure;
  throw new PidboxError(failure.code, `${failure.message}, stdout+stderr: ${output}`, { context: failure.context });
}

export const failed: OciVerb = {
  name: "__oci-failed", summary: "For pidbox itself", usage: "", description: "Called by the launcher.", options: [],
  operands: [{ name: "REPORT", help: "Plan fd, op, errno, value", required: true, repeat: true }],
  run: explain,
};

/** Whether the container ended while a process was joining it: the namespaces that it was to join went away. */
function isGone({ context }: PidboxError): boolean {
  return context.from?.startsWith("/linux/namespaces") === true && (context.errno === "ENOENT" || context.errno === "ESRCH");
}

/** The same for a process that was to join a container. */
export const execFailed: OciVerb = {
  ...failed, name: "__oci-exec-failed", failure: { prefix: "exec failed", exit: 255 },
  run(args) {
    try {
      return explain(args);
    } catch (error) {
      if (error instanceof PidboxError && isGone(error)) throw new PidboxError("CONFLICT", "cannot exec in a stopped container", { cause: error });
      throw error;
    }
  },
};
