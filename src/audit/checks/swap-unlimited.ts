import { bytesText } from "../../base/text.ts";
import type { ContainerCheck } from "../check.ts";
import { inapplicable, saw } from "../check.ts";
import { leastLimit } from "../limits.ts";

export const check: ContainerCheck = {
  scope: "container",
  id: "G30",
  name: "swap-unlimited",
  title: "No limit of swap",
  severity: "low",
  why: "A container that swaps without limit fills the disk's queue and slows everybody, while its memory limit looks respected.",
  references: ["T1499"],
  remedy: {
    text: "Let memory and swap together be no more than the memory",
    docker: "docker run --memory 512m --memory-swap 512m",
    podman: "podman run --memory 512m --memory-swap 512m",
    compose: "mem_limit: 512m\nmemswap_limit: 512m",
    host: "swapoff -a   # where the host needs none",
  },
  reads: { files: ["/proc/swaps"] },
  evaluate(container, { host }) {
    const swaps = host.files.get("/proc/swaps");
    if (typeof swaps === "string" && swaps.split("\n").length <= 1) return inapplicable("the host has no swap", saw("/proc/swaps", "empty"));
    const { value, evidence } = leastLimit(container, { controller: "memory", v1: "memory.memsw.limit_in_bytes", v2: "memory.swap.max" });
    if (value === undefined) return { verdict: "unknown", text: "the limit could not be read", evidence };
    return value === Number.POSITIVE_INFINITY ? { verdict: "finding", text: "none", evidence } : { verdict: "pass", text: `at most ${bytesText(value)}`, evidence };
  },
};
