import type { ContainerCheck } from "../check.ts";
import { answerOf, DEFAULT_FILTER, ioUringAccess, SURFACE_FILES } from "../surface.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "K09",
  name: "io-uring",
  title: "io_uring is in reach",
  severity: "high",
  why:
    "io_uring is a second way to call the kernel, past the seccomp filter, and was part of 60 % of the exploits that Google paid for in 2022. Docker denies it since version 25.",
  references: ["T1068"],
  remedy: { ...DEFAULT_FILTER, host: "sysctl -w kernel.io_uring_disabled=2" },
  reads: { files: Object.values(SURFACE_FILES) },
  evaluate: (container, facts) => answerOf(ioUringAccess(container, facts)),
};
