/** Random numbers of the kernel. `crypto.getRandomValues` has the same ones, but costs 75 us when it is first used. */
import { PidboxError } from "../base/error.ts";
import { errnoName } from "./abi/errno.ts";
import { SYSCALLS } from "./abi/host.ts";
import { address, syscall } from "./ffi.ts";

/** `size` bytes, 256 at most, which getrandom(2) gives all at once. Throws IO. */
export function randomBytes(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const got = syscall(SYSCALLS.getrandom, address(bytes), size, 0);
  if (got === size) return bytes;
  throw new PidboxError("IO", `Cannot get random numbers: getrandom: ${got < 0 ? errnoName(got) : "too few"}`);
}
