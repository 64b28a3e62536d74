import { describe, expect, test } from "bun:test";
import {
  NO_LIMIT, parseColumns, parseDeviceCounters, parseFlatKeyed, parseInteger, parseNestedKeyed, parseNumberList, parsePressure, parseValue,
} from "./cgroup-values.ts";

test("parseInteger() keeps numbers exactly and refuses everything else", () => {
  expect(["0", "9007199254740991", "9223372036854771712"].map(parseInteger)).toEqual([0, 9007199254740991, 9223372036854771712n]);
  expect(["-1", "max", "", "1 ", "0x1"].map(parseInteger)).toEqual([undefined, undefined, undefined, undefined, undefined]);
});

test("parseValue() knows max and the newline", () => {
  expect(["max\n", "42\n", "a\n"].map(parseValue)).toEqual([NO_LIMIT, 42, undefined]);
});

test("parseFlatKeyed() reads memory.stat, hugetlb events and passes over what is no number", () => {
  expect([...parseFlatKeyed("anon 4096\nfile 9223372036854771712\nbroken\n x\nname with blank 3\n")]).toEqual([["anon", 4096], ["file", 9223372036854771712n], ["name with blank", 3]]);
});

test("parseNestedKeyed() reads io.stat and rdma.max", () => {
  const entries = parseNestedKeyed("8:0 rbytes=90430464 wbytes=0\n8:16\nmlx4_0 hca_handle=2 hca_object=max =x\n");
  expect([...entries].map(([key, values]) => [key, Object.fromEntries(values)])).toEqual([
    ["8:0", { rbytes: "90430464", wbytes: "0" }], ["mlx4_0", { hca_handle: "2", hca_object: "max" }],
  ]);
});

describe("parsePressure()", () => {
  test("reads both lines", () => {
    expect(parsePressure("some avg10=0.22 avg60=0.17 avg300=1.11 total=58761459\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n")).toEqual({
      some: { avg10: 0.22, avg60: 0.17, avg300: 1.11, total: 58761459 }, full: { avg10: 0, avg60: 0, avg300: 0, total: 7 },
    });
  });
  test("has no full line for the CPU of old kernels", () => {
    expect(parsePressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n")).toEqual({ some: { avg10: 0, avg60: 0, avg300: 0, total: 1 } });
  });
});

test("parseDeviceCounters() leaves out the total of all devices", () => {
  expect(parseDeviceCounters("8:0 Read 1282048\n8:0 Total 3477504\n8:16 7\nTotal 3477504\n")).toEqual([
    { major: 8, minor: 0, op: "Read", value: 1282048 }, { major: 8, minor: 0, op: "Total", value: 3477504 }, { major: 8, minor: 16, op: "", value: 7 },
  ]);
});

test("parseColumns() reads numbers of all CPUs", () => expect(parseColumns("12 0 18446744073709551615 \n")).toEqual([12, 0, 18446744073709551615n]));

test("parseNumberList() expands ranges, and no more than it can hold", () => {
  expect(["0-2,7\n", "\n", "3-1"].map(parseNumberList)).toEqual([[0, 1, 2, 7], [], []]);
  expect(parseNumberList("0-999999")).toHaveLength(65536);
});
