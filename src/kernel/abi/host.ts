/** The system call table of the machine that this binary was built for. */
import { SYSCALLS_X64 } from "./syscalls-x64.ts";

export const SYSCALLS = SYSCALLS_X64;
