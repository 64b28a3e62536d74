/**
 * config.json at the edge: bytes to a `Config`, or violations with their place and clause.
 *
 * Unknown properties are ignored and left out (config.md#extensibility); bad values are errors (config.md#valid-values). `null` is absent, as Go
 * writes it. Property names are case-sensitive, unlike Go's, so that no two readers of one file see two things. Numbers beyond 2^53 are kept exactly
 * where they make sense (`Integer64`) and refused elsewhere. Not checked here: what only the host can tell (does a path exist, is a namespace of its type).
 */
import { PidboxError } from "../base/error.ts";
import { printable, quote } from "../base/text.ts";
import { also, type Decoder, object, optionalText, record, Report, step, text, type Violation } from "./decode.ts";
import { parseJson } from "./json.ts";
import type { Config, LinuxResources, LinuxSeccomp, Process } from "./runtime-config.ts";
import { linux } from "./validate-linux.ts";
import { checkIdmapSource, mounts, root } from "./validate-mounts.ts";
import { hooks, process } from "./validate-process.ts";
import { resources } from "./validate-resources.ts";
import { seccomp } from "./validate-seccomp.ts";

export type { Violation } from "./decode.ts";

const VERSION = "config.md#specification-version";
// semver.org 2.0.0, 9 to 11, without the rule on leading zeros in pre-release numbers.
const SEMVER = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;

const version = also(text, (value, pointer, report) => {
  const major = value.length > 128 ? undefined : SEMVER.exec(value)?.[1];
  if (major === undefined) report.must("value", pointer, VERSION, `${quote(value, 40)} is not a SemVer version`);
  else if (major !== "1") report.must("value", pointer, VERSION, `Version ${quote(value, 40)} of the specification is not 1.x, so it is not compatible`);
});

// __NEW_UTS_LEN of the kernel: 64 bytes.
const utsName = also(optionalText, (value, pointer, report) => {
  if (new TextEncoder().encode(value).length > 64) report.must("range", pointer, "config.md#hostname", "The name is longer than 64 bytes");
});

const annotations = record(text, (name, pointer, report) => {
  if (name === "") report.must("empty", pointer, "config.md#annotations", "The key is empty");
});

function checkConfig(config: Config, pointer: string, report: Report): void {
  const types = new Set<string>((config.linux?.namespaces ?? []).map((n) => n.type));
  for (const field of ["hostname", "domainname"] as const) {
    if (config[field] !== undefined && !types.has("uts")) {
      report.must("missing-namespace", step(pointer, field), `config.md#${field}`, `${field} would change the host's, for the container has no uts namespace of its own`);
    }
  }
  checkIdmapSource(config.mounts ?? [], types.has("user"), step(pointer, "mounts"), report);
}

const config: Decoder<Config> = also(
  object<Config>("config.md", { ociVersion: version, process, root, hostname: utsName, domainname: utsName, mounts, hooks, annotations, linux }, [
    "ociVersion",
    "root",
  ]),
  checkConfig,
);

function decode<T>(decoder: Decoder<T>, value: unknown): { readonly value: T | undefined; readonly violations: readonly Violation[] } {
  const report = new Report();
  const found = decoder(value, "", report);
  return { value: report.violations.some((v) => v.level === "MUST") ? undefined : found, violations: report.violations };
}

/** Every violation of a parsed config, in document order of the sections, at most 100 of each level. Total: never throws. */
export function validateConfig(value: unknown): readonly Violation[] {
  return decode(config, value).violations;
}

/** A config that obeys every MUST, with the SHOULD violations as warnings; or no config, and why. */
export function decodeConfig(value: unknown): { readonly value: Config | undefined; readonly violations: readonly Violation[] } {
  return decode(config, value);
}

/** One violation as a line for people. */
export function violationText(violation: Violation): string {
  return `${violation.pointer === "" ? "(whole document)" : printable(violation.pointer).slice(0, 300)}: ${violation.message} (${violation.clause})`;
}

const SHOWN = 5;

function parse<T>(decoder: Decoder<T>, input: Uint8Array | string, what: string): T {
  const { value, violations } = decode(decoder, parseJson(input, what));
  if (value !== undefined) return value;
  const errors = violations.filter((v) => v.level === "MUST");
  const more = errors.length > SHOWN ? `\n  and ${errors.length - SHOWN} more` : "";
  const lines = errors.slice(0, SHOWN).map((v) => `\n  ${violationText(v)}`).join("");
  throw new PidboxError("CONFIG_INVALID", `The ${what} is not valid:${lines}${more}`, { context: { from: printable(errors[0]?.pointer ?? "").slice(0, 300) } });
}

/** The config in the text of a config.json. Throws PidboxError CONFIG_INVALID with the first violations. */
export function parseConfig(input: Uint8Array | string): Config {
  return parse(config, input, "config");
}

/** The process in a process.json, as `exec --process` takes it. Throws PidboxError CONFIG_INVALID. */
export function parseProcess(input: Uint8Array | string): Process {
  return parse(process, input, "process");
}

/** The limits that `update --resources` takes. Throws PidboxError CONFIG_INVALID. */
export function parseResources(input: Uint8Array | string): LinuxResources {
  return parse(resources, input, "resources");
}

/** A seccomp section in the form of the runtime specification (not Docker's profile form). Throws PidboxError CONFIG_INVALID. */
export function parseSeccomp(input: Uint8Array | string): LinuxSeccomp {
  return parse(seccomp, input, "seccomp profile");
}
