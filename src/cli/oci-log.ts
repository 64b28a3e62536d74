/**
 * Where errors of pidbox-oci go: to stderr, and with `--log` to the end of a file too, in the forms of logrus, which engines parse:
 * `time="..." level=error msg="..."`, or one JSON object a line.
 */
import { PidboxError } from "../base/error.ts";
import { printable, quote } from "../base/text.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { O, open } from "../kernel/file.ts";
import type { OciLog } from "../verbs/oci/verb.ts";
import { writeAll } from "./terminal.ts";

const STDERR = 2;

export type LogLevel = "error" | "warning";

/** One entry with its newline. `time` is RFC 3339; the message is one line, printable already. */
export function formatEntry(format: OciLog["format"], level: LogLevel, message: string, time: string): string {
  if (format === "json") return `${JSON.stringify({ level, msg: message, time })}\n`;
  return `time="${time}" level=${level} msg="${message.replaceAll(/["\\]/g, (c) => `\\${c}`)}"\n`;
}

/** The log of one command. The file is opened, and made if need be, when the command begins, as runc does: a path that cannot be is an error then. */
export class Log {
  private readonly format: OciLog["format"];
  private readonly fd: number | undefined;

  /** Throws IO. */
  constructor(log: OciLog) {
    this.format = log.format;
    if (log.path === undefined) return;
    const fd = open(log.path, O.WRONLY | O.CREAT | O.APPEND, 0o644);
    if (fd < 0) throw new PidboxError("IO", `open ${quote(log.path).slice(1, -1)}: ${errnoName(fd)}`, { context: { path: log.path, errno: errnoName(fd) } });
    this.fd = fd;
  }

  write(level: LogLevel, message: string): void {
    const line = printable(message);
    // Seconds, as logrus writes them.
    const entry = formatEntry(this.format, level, line, `${new Date().toISOString().slice(0, 19)}Z`);
    if (this.fd === undefined) return void writeAll(STDERR, entry);
    writeAll(this.fd, entry);
    if (level === "error") writeAll(STDERR, `${line}\n`);
  }
}
