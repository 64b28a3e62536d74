/** `--fault` and `--explain`, which are about the plan and not about the container. */
import { PidboxError } from "../../base/error.ts";
import { PLAN } from "../../plan/op.ts";
import type { OciArguments, OciOutcome } from "./verb.ts";

/** `--fault`: an op that is to fail, for tests. Throws USAGE. */
export function faultOf(args: OciArguments): { readonly fault?: number } {
  const fault = args.value("fault");
  if (fault === undefined) return {};
  if (Number(fault) >= 0 && Number(fault) < PLAN.maxOps) return { fault: Number(fault) };
  throw new PidboxError("USAGE", `there is no op ${fault}`, { context: { from: "--fault" } });
}

/** `--explain`. */
export async function explained(plan: Uint8Array): Promise<OciOutcome> {
  const [{ decodePlan }, { explainData }] = await Promise.all([import("../../plan/decode.ts"), import("../../plan/explain.ts")]);
  return { exit: 0, text: `${JSON.stringify(explainData(decodePlan(plan)))}\n` };
}
