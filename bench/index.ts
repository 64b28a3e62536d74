/**
 * All benchmarks, one after the other, and their tables for the README. Results lie in bench/results/*.json.
 * Run: bun bench/index.ts [--reference], which also writes bench/results/reference.json, the numbers that the README quotes.
 */
import { auditCostTable, benchAudit } from "./audit.ts";
import { benchMany, manyTable } from "./many.ts";
import { benchDocker, dockerTable } from "./docker.ts";
import { benchExecLatency, latencyTable } from "./exec-latency.ts";
import { machine, writeResult } from "./measure.ts";
import { benchMemory, memoryTable } from "./memory.ts";
import { benchOci, ociTable } from "./oci.ts";
import { benchStart, startTables } from "./start.ts";

const here = machine();
console.log(Object.entries(here).map(([key, value]) => `${key}: ${value}`).join(", "));
const start = await benchStart();
console.log(`\n${startTables(start)}`);
const oci = benchOci();
console.log(`\n${ociTable(oci)}`);
const latency = benchExecLatency();
console.log(`\n${latencyTable(latency)}`);
const docker = await benchDocker();
console.log(`\n${dockerTable(docker)}`);
const memory = await benchMemory();
console.log(`\n${memoryTable(memory)}`);
const many = await benchMany();
console.log(`\n${manyTable(many)}`);
const audit = await benchAudit();
console.log(`\n${auditCostTable(audit)}`);
if (process.argv.includes("--reference")) writeResult("reference", { start, oci, latency, docker, memory, many, audit });
if (many.left.length > 0) process.exitCode = 1;
