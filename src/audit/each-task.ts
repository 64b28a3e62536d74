/** One answer for all threads of a container: each has credentials, filters and descriptors of its own, so one that is worse decides. Pure. */
import type { TaskFacts } from "../engine/posture.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import type { Answer, Evidence } from "../report/finding.ts";
import { severityRank, VERDICTS } from "../report/finding.ts";
import { evidenceOf, unknown } from "./check.ts";
import type { ContainerFacts } from "./facts.ts";

/** What is said of one thread: an answer without its evidence, for that is the file that was looked at. */
export interface TaskAnswer extends Omit<Answer, "evidence"> {
  /** What the file says. */
  readonly value: string | number;
}

export function taskFile(task: TaskFacts, file: string): string {
  return task.thread === task.pid ? `/proc/${task.pid}/${file}` : `/proc/${task.pid}/task/${task.thread}/${file}`;
}

function taskName(task: TaskFacts): string {
  return `PID ${task.pid} (${task.status.name})${task.thread === task.pid ? "" : ` thread ${task.thread}`}`;
}

const rank = ({ severity }: Answer): number => (severity === undefined ? 0 : severityRank(severity));
const worse = (a: Answer, b: Answer): number => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict) || rank(a) - rank(b);

/** Asks `test` of every thread; `file` is the one below /proc/PID that it looks at. The worst answer stands, and says of how many threads it is true. */
export function eachTask(container: ContainerFacts, file: string, test: (task: TaskFacts) => TaskAnswer): Answer {
  const answers = container.tasks.map((task) => {
    const { value, ...answer } = test(task);
    const evidence: readonly Evidence[] = [evidenceOf(taskFile(task, file), value)];
    return { task, answer: { ...answer, evidence } };
  });
  const sorted = answers.toSorted((a, b) => worse(a.answer, b.answer));
  const [worst] = sorted;
  const [dark] = container.unreadable;
  if (worst === undefined) return unknown("no thread could be read");
  if (dark !== undefined && worst.answer.verdict !== "finding") {
    return unknown(`${container.unreadable.length} of its threads could not be read`, { source: `/proc/${dark.pid}`, value: "", errno: errnoName(dark.errno) });
  }
  const same = answers.filter(({ answer }) => answer.verdict === worst.answer.verdict).length;
  if (same === answers.length) return worst.answer;
  return { ...worst.answer, text: `${taskName(worst.task)}${same > 1 ? ` and ${same - 1} more` : ""}: ${worst.answer.text}` };
}
