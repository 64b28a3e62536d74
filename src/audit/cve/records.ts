/**
 * The vulnerabilities that pidbox knows by itself. Sources: CVE.org records (kernel CNA), trackers of Debian and Ubuntu, advisories of the projects, read up
 * to the date below. A record without `complete` may lack branches; what it does not name is unknown, never vulnerable. Data only.
 */
import type { CveData } from "./data.ts";
import { KERNEL_RECORDS } from "./records-kernel.ts";
import { PROGRAM_RECORDS } from "./records-programs.ts";

const kernel = (branch: string, end: string): CveData["branches"][number] => ({ component: "linux", branch, end });

export const CVE_DATA: CveData = {
  date: "2026-09-04",
  records: [...KERNEL_RECORDS, ...PROGRAM_RECORDS],
  // kernel.org/category/releases.html; long-term branches as extended in February 2026, the others ended about when the next but one came.
  branches: [
    kernel("4.4", "2022-02-03"), kernel("4.9", "2023-01-07"), kernel("4.14", "2024-01-10"), kernel("4.19", "2024-12-05"), kernel("5.4", "2025-12-03"),
    kernel("5.10", "2026-12-31"), kernel("5.15", "2026-12-31"), kernel("6.1", "2027-12-31"), kernel("6.6", "2027-12-31"), kernel("6.12", "2028-12-31"),
    kernel("6.18", "2028-12-31"),
  ],
};
