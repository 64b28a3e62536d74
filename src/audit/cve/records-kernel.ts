/** Vulnerabilities of Linux that lead out of containers, or were used so. Data only. */
import type { CveRecord, Need, PackageFix } from "./data.ts";

type Extra = Partial<Pick<CveRecord, "severity" | "exploited" | "packages" | "needs" | "complete" | "introduced" | "only">>;

function linux(year: number, number: number | string, name: string, fixed: readonly string[], extra: Extra = {}): CveRecord {
  return { id: `CVE-${year}-${String(number).padStart(4, "0")}`, name, component: "linux", severity: "high", fixed, ...extra };
}

const debian = (release: string, fixed: string | null): PackageFix => ({ distribution: "debian", release, source: "linux", fixed });
const ubuntu = (release: string, fixed: string | null): PackageFix => ({ distribution: "ubuntu", release, source: "linux", fixed });
const needs = (...all: readonly Need[]): Pick<CveRecord, "needs"> => ({ needs: all });
const NET = needs("net-admin");
const NFT = needs("net-admin", "nf-tables");
const ESP = needs("net-admin", "esp");
const TLS = needs("ktls");
const URING = needs("io-uring");

/** Files, memory and namespaces. */
const CORE: readonly CveRecord[] = [
  linux(2016, 5195, "Dirty COW", ["4.4.26", "4.7.9", "4.8.3", "4.9"], { introduced: "2.6.22", exploited: true, severity: "critical" }),
  linux(2018, 18955, "id maps of nested user namespaces", ["4.18.19", "4.19.2", "4.20"], { introduced: "4.15", complete: true, ...needs("user-namespace") }),
  linux(2019, 13272, "PTRACE_TRACEME credentials", ["4.4.185", "4.9.185", "4.14.133", "4.19.58", "5.1.17", "5.2"], { exploited: true, ...needs("ptrace") }),
  linux(2021, 33909, "seq_file (Sequoia)", ["4.4.276", "4.9.276", "4.14.240", "4.19.198", "5.4.134", "5.10.52", "5.13.4", "5.14"], {
    introduced: "3.16", complete: true, ...needs("user-namespace"),
  }),
  linux(2022, 492, "release_agent of cgroup v1", ["4.9.301", "4.14.266", "4.19.229", "5.4.177", "5.10.97", "5.15.20", "5.16.6", "5.17"], {
    introduced: "2.6.24", complete: true, exploited: true, severity: "critical", ...needs("sys-admin", "cgroup-v1"),
  }),
  linux(2022, 847, "Dirty Pipe", ["5.10.102", "5.15.25", "5.16.11", "5.17"], {
    introduced: "5.8", complete: true, exploited: true, severity: "critical", packages: [debian("buster", "0")],
  }),
  linux(2023, 386, "overlayfs copies setuid files up", ["5.15.91", "6.1.9", "6.2"], { introduced: "5.11", exploited: true, ...needs("sys-admin") }),
  linux(2023, 3269, "StackRot", ["6.1.37", "6.3.11", "6.4.1", "6.5"], { introduced: "6.1", complete: true }),
  linux(2021, 4154, "fsconfig of cgroup v1", ["5.4.134", "5.10.52", "5.13.4", "5.14"], { introduced: "5.1", ...needs("sys-admin") }),
  linux(2022, 185, "fsconfig", ["5.4.173", "5.10.93", "5.15.16", "5.16.2", "5.17"], {
    introduced: "5.1", complete: true, exploited: true, ...needs("sys-admin"),
  }),
  linux(2021, 3493, "overlayfs of Ubuntu", [], {
    only: "ubuntu", exploited: true, packages: [ubuntu("bionic", "4.15.0-142.146"), ubuntu("focal", "5.4.0-72.80")], ...needs("user-namespace"),
  }),
  linux(2023, 2640, "overlayfs of Ubuntu (GameOver(lay))", [], { only: "ubuntu", packages: [ubuntu("lunar", "6.2.0-26.26")], ...needs("user-namespace") }),
  linux(2023, 32629, "overlayfs of Ubuntu (GameOver(lay))", [], { only: "ubuntu", packages: [ubuntu("lunar", "6.2.0-26.26")], ...needs("user-namespace") }),
  linux(2026, 43391, "file handles of namespaces", ["6.19.9", "7.0"], { introduced: "6.18", severity: "medium" }),
];

const BPF_AND_PERF: readonly CveRecord[] = [
  linux(2020, 8835, "eBPF verifier, 32-bit bounds", ["5.4.29", "5.5.14", "5.6.1", "5.7"], { introduced: "5.4.7", ...needs("bpf") }),
  linux(2021, 3490, "eBPF verifier, ALU32 bounds", ["5.10.37", "5.11.21", "5.12.4", "5.13"], { introduced: "5.7", complete: true, ...needs("bpf") }),
  linux(2021, 31440, "eBPF verifier, bounds propagation", ["5.10.37", "5.11.21", "5.12.4", "5.13"], { introduced: "5.7", complete: true, ...needs("bpf") }),
  linux(2023, 6931, "perf_event group size", ["4.14.333", "4.19.302", "5.4.264", "5.10.204", "5.15.143", "6.1.68", "6.6.7", "6.7"], {
    introduced: "4.3", ...needs("perf"),
  }),
];

const IO_URING: readonly CveRecord[] = [
  linux(2022, 29582, "io_uring timeout", ["5.10.111", "5.15.34", "5.16.20", "5.17.3", "5.18"], { introduced: "5.1", ...URING }),
  linux(2022, 2602, "io_uring and unix sockets", ["5.4.218", "5.10.148", "5.15.75", "5.19.16", "6.0.2", "6.1"], { introduced: "5.1", ...URING }),
  linux(2023, 2598, "io_uring fixed buffers", ["6.3.2", "6.4"], { introduced: "6.3", ...URING }),
  linux(2024, 582, "io_uring provided buffer rings", ["6.6.5", "6.7"], { introduced: "6.4", complete: true, ...URING }),
];

/** nf_tables, tc, xfrm and other parts that ask for CAP_NET_ADMIN in some user namespace. */
const NETWORK_ADMIN: readonly CveRecord[] = [
  linux(2017, 1000112, "UFO", ["4.4.82", "4.9.43", "4.12.7", "4.13"], { introduced: "2.6.15", ...NET }),
  linux(2021, 22555, "netfilter x_tables compat", ["4.4.267", "4.9.267", "4.14.231", "4.19.188", "5.4.113", "5.10.31", "5.11.15", "5.12"], {
    introduced: "2.6.19", complete: true, exploited: true, ...NET,
  }),
  linux(2022, 25636, "nf_tables hardware offload", ["5.4.182", "5.10.103", "5.15.26", "5.16.12", "5.17"], { introduced: "5.4", complete: true, ...NFT }),
  linux(2022, 2586, "nf_tables, set of another table", ["6.0"], { introduced: "3.16", exploited: true, ...NFT }),
  linux(2022, 2588, "tc cls_route", ["5.15.61", "5.19.2", "6.0"], { ...NET }),
  linux(2022, 32250, "nf_tables stateful expressions", ["5.4.198", "5.10.120", "5.15.45", "5.17.13", "5.18.2", "5.19"], { introduced: "4.1", ...NFT }),
  linux(2022, 34918, "nf_tables set elements", ["5.10.130", "5.15.54", "5.18.11", "5.19"], { introduced: "5.8", ...NFT }),
  linux(2023, 31248, "nf_tables chain lookup", ["5.10.188", "5.15.121", "6.1.39", "6.4.4", "6.5"], { introduced: "5.9", ...NFT }),
  linux(2023, 32233, "nf_tables anonymous sets", ["4.14.315", "4.19.283", "5.4.243", "5.10.180", "5.15.111", "6.1.28", "6.2.15", "6.3.2", "6.4"], {
    introduced: "3.13", ...NFT,
  }),
  linux(2023, 35001, "nf_tables byteorder", ["5.10.188", "5.15.121", "6.1.39", "6.4.4", "6.5"], { introduced: "3.13", ...NFT }),
  linux(2023, 6817, "nf_tables pipapo", ["5.10.204", "5.15.143", "6.1.68", "6.6.7", "6.7"], { introduced: "5.6", ...NFT }),
  linux(2024, 1086, "nf_tables verdicts", ["5.4.269", "5.10.210", "5.15.149", "6.1.76", "6.6.15", "6.7.3", "6.8"], {
    introduced: "3.15", exploited: true, severity: "critical", packages: [debian("bullseye", "5.10.209-2"), debian("bookworm", "6.1.76-1")], ...NFT,
  }),
  linux(2024, 53141, "ipset bitmap", ["5.4.287", "5.10.231", "5.15.174", "6.1.120", "6.6.64", "6.11.11", "6.12.2", "6.13"], { introduced: "2.6.39", ...NET }),
  linux(2025, 21700, "tc grafting", ["6.14"], { ...NET }),
  linux(2025, 38001, "tc hfsc", ["6.16"], { ...NET }),
  linux(2025, 38083, "tc prio", ["6.16"], { ...NET }),
  linux(2025, 38350, "tc class deletion", ["6.17"], { ...NET }),
  linux(2025, 38477, "tc qfq", ["6.17"], { ...NET }),
  linux(2025, 38500, "xfrm interface", ["6.17"], { ...NET }),
  linux(2026, 43284, "Dirty Frag (ESP)", ["5.10.255", "5.15.205", "5.15.206", "6.1.171", "6.6.138", "6.12.87", "6.18.28", "7.0.5", "7.1"], {
    introduced: "4.11", severity: "critical", ...ESP,
    packages: [
      debian("bookworm", "6.1.170-3"), debian("trixie", "6.12.86-1"), ubuntu("jammy", "5.15.0-181.191"), ubuntu("noble", "6.8.0-124.124"),
      ubuntu("resolute", "7.0.0-22.22"),
    ],
  }),
  linux(2026, 46300, "Fragnesia", ["5.10.257", "5.15.208", "6.1.174", "6.6.141", "6.12.91", "6.18.33", "7.0.10", "7.1"], {
    introduced: "3.9", severity: "critical", packages: [debian("sid", "7.0.9-1")], ...ESP,
  }),
];

/** Sockets that need no privilege, or only CAP_NET_RAW. */
const SOCKETS: readonly CveRecord[] = [
  linux(2016, 8655, "packet socket timer", ["4.4.38", "4.8.13", "4.9"], { introduced: "3.2", ...needs("net-raw") }),
  linux(2017, 7308, "packet socket ring", ["4.4.57", "4.9.18", "4.9.23", "4.10.6", "4.11"], { introduced: "2.6.27", ...needs("net-raw") }),
  linux(2020, 14386, "packet socket headers", ["4.19.150", "5.4.64", "5.8.8", "5.9"], { introduced: "4.6", ...needs("net-raw") }),
  linux(2024, 26582, "kTLS partial reads", ["6.8"], { ...TLS }),
  linux(2024, 26585, "kTLS transmit work", ["6.8"], { ...TLS }),
  linux(2024, 58239, "kTLS receive", ["6.8"], { ...TLS }),
  linux(2024, 58240, "kTLS asynchronous decryption", ["6.8"], { ...TLS }),
  linux(2025, 37756, "kTLS disconnect", ["6.15"], { introduced: "4.13", ...TLS }),
  linux(2025, 38616, "kTLS data under the reader", ["6.17"], { ...TLS }),
  linux(2025, 39682, "kTLS zero-length records", ["6.17"], { ...TLS }),
  linux(2025, 39946, "kTLS record length", ["6.17"], { ...TLS }),
  linux(2025, 21756, "vsock bind", ["5.10.235", "5.15.179", "6.1.131", "6.6.79", "6.12.16", "6.13.4", "6.14"], {
    introduced: "5.5", complete: true, ...needs("vsock"),
  }),
  linux(2026, 31431, "Copy Fail (AF_ALG)", ["5.10.254", "5.15.204", "6.1.170", "6.6.137", "6.12.85", "6.18.22", "6.19.12", "7.0"], {
    introduced: "4.14", complete: true, exploited: true, severity: "critical", ...needs("af-alg"),
    packages: [debian("trixie", "6.12.85-1"), ubuntu("jammy", "5.15.0-179.189"), ubuntu("noble", "6.8.0-117.117"), ubuntu("questing", "6.17.0-29.29")],
  }),
  linux(2026, 43500, "RxRPC page cache write", ["6.18.29", "7.0.6", "7.1"], {
    introduced: "5.3", severity: "critical", packages: [debian("bookworm", "6.1.170-3"), debian("trixie", "6.12.86-1")], ...needs("rxrpc"),
  }),
  linux(2026, 43494, "RDS zero copy", ["6.6.141", "6.12.91", "6.18.33", "7.0.10", "7.1"], {
    introduced: "4.17", packages: [debian("sid", "7.0.10-1")], ...needs("rds"),
  }),
  linux(2026, 31635, "rxgk", ["6.18.23", "6.19.13", "7.0"], { introduced: "6.16", complete: true, severity: "medium", ...needs("rxrpc") }),
  linux(2026, 53362, "IPv6 fragments (container escape)", ["6.1.177", "6.6.144", "6.12.95", "6.18.38", "7.1.3", "7.2"], {
    introduced: "6.0", exploited: true, severity: "critical", ...needs("ipv6"),
    packages: [debian("bullseye", "0"), debian("trixie", "6.12.95-1"), ubuntu("resolute", "7.0.0-31.31"), ubuntu("noble", null)],
  }),
];

export const KERNEL_RECORDS: readonly CveRecord[] = [...CORE, ...BPF_AND_PERF, ...IO_URING, ...NETWORK_ADMIN, ...SOCKETS];
