import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PidboxError } from "../../base/error.ts";
import { filterPs } from "./ps.ts";

const FULL = `UID        PID  PPID  C STIME TTY          TIME CMD
root         1     0  0 14:00 ?        00:00:01 init
root        12     1  0 14:00 ?        00:00:00 sleep 1 2
daemon     123    12  0 14:00 pts/0    00:00:00 \u001b[31mred
`;

describe("filterPs()", () => {
  test("keeps the title and the lines of the PIDs, printable", () => {
    expect(filterPs(FULL, [12, 123, 7])).toBe(`UID        PID  PPID  C STIME TTY          TIME CMD
root        12     1  0 14:00 ?        00:00:00 sleep 1 2
daemon     123    12  0 14:00 pts/0    00:00:00 \\x1b[31mred
`);
    expect(filterPs(FULL, [])).toBe("UID        PID  PPID  C STIME TTY          TIME CMD\n");
  });
  test("finds the column wherever it is", () => {
    expect(filterPs("COMMAND   PID\nsh   5\nsh   6\n", [6])).toBe("COMMAND   PID\nsh   6\n");
  });
  test("refuses output without PIDs", () => {
    expect(() => filterPs("COMMAND\nsh\n", [1])).toThrow("couldn't find PID field in ps output");
    expect(() => filterPs("PID\nx\n", [1])).toThrow("unable to parse pid");
  });
  test("gives text or PidboxError for any output", () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.string().map((text) => `A PID B\n${text}`)), fc.array(fc.nat()), (output, pids) => {
      try {
        expect(filterPs(output, pids)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
      } catch (error) {
        expect(error).toBeInstanceOf(PidboxError);
      }
    }));
  });
});
