/**
 * What this host can do for containers, in three values: yes, no, could not tell.
 *
 * Facts are collected once (feature-probe.ts) and judged by pure functions, one file per group. Nothing is cached: a seccomp filter, a sysctl
 * or a mount may change between two questions.
 */
import { cgroupFeatures } from "./feature-cgroups.ts";
import type { Feature, FeatureFacts } from "./feature-facts.ts";
import { filesystemFeatures } from "./feature-filesystems.ts";
import { hostGroupFeatures } from "./feature-host.ts";
import { identityFeatures } from "./feature-identity.ts";
import { lsmFeatures } from "./feature-lsm.ts";
import { namespaceFeatures } from "./feature-namespaces.ts";
import { readFeatureFacts } from "./feature-probe.ts";
import type { ProbeOptions } from "./feature-probe.ts";
import { syscallFeatures } from "./feature-syscalls.ts";

/** All features of the host that `facts` describe, in the order in which doctor lists them. Pure. */
export function judgeFeatures(facts: FeatureFacts): Feature[] {
  return [
    ...hostGroupFeatures(facts), ...syscallFeatures(facts), ...namespaceFeatures(facts), ...filesystemFeatures(facts),
    ...cgroupFeatures(facts), ...lsmFeatures(facts), ...identityFeatures(facts),
  ];
}

/** Probes the running host; a few milliseconds, and nothing is left behind. */
export function readFeatures(options: ProbeOptions): Feature[] {
  return judgeFeatures(readFeatureFacts(options));
}
