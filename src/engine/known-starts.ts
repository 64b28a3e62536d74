/** What a start used of its surroundings, recorded for the next start with the same command line (engine/start-signs.ts). */
import { Recorder } from "../kernel/recorder.ts";
import { readLink } from "../kernel/file.ts";
import { SYSCALLS } from "../kernel/abi/host.ts";
import { address, syscall } from "../kernel/ffi.ts";
import { encodeKnownStart } from "../plan/known-start.ts";
import type { KnownStart } from "../plan/known-start.ts";
import { replaceSign, signPath } from "./start-signs.ts";

/** launcher/front.c maps no larger file. */
const MOST_BYTES = 1 << 20;
const TCGETS = 0x5401;

/** What was used of the command's surroundings, and what the kernel was asked. */
export class Recording {
  readonly #recorder = new Recorder();
  readonly #environment = new Map<string, string | undefined>();

  /** `environment`, noting which variables are asked for. */
  environment(environment: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string | undefined>> {
    return new Proxy(environment, {
      get: (target, name) => {
        const value = typeof name === "string" ? target[name] : undefined;
        if (typeof name === "string") this.#environment.set(name, value);
        return value;
      },
      has: () => this.#refuse(),
      ownKeys: () => this.#refuse(),
    });
  }

  #refuse(): never {
    this.#recorder.spoil();
    throw new TypeError("an environment that is recorded is asked by name");
  }

  /** Asks what main.ts asked before this began: which of the three descriptors are terminals, and where this executable is. */
  begin(executable: string): void {
    this.#recorder.resume();
    for (const fd of [0, 1, 2]) syscall(SYSCALLS.ioctl, fd, TCGETS, address(new Uint8Array(64)));
    if (readLink("/proc/self/exe") !== executable) this.#recorder.spoil();
    this.#recorder.identify("/proc/self/exe");
  }

  /** Runs what changes something, and is done anew at each start. */
  aside<T>(action: () => T): T {
    this.#recorder.pause();
    try {
      return action();
    } finally {
      this.#recorder.resume();
    }
  }

  end(): void {
    this.#recorder.pause();
  }

  spoil(): void {
    this.#recorder.spoil();
  }

  get facts(): Pick<KnownStart, "environment" | "observations"> | undefined {
    const { observations } = this.#recorder;
    const environment = [...this.#environment].map(([name, value]) => (value === undefined ? name : `${name}=${value}`));
    return observations === undefined || environment.some((text) => text.includes("\0")) ? undefined : { environment, observations };
  }
}

/** Keeps a start, if it is not too large for that. */
export function keepStart(root: string, known: KnownStart, id: string): void {
  const file = encodeKnownStart(known);
  if (file.length <= MOST_BYTES) replaceSign(root, signPath(root, known.words, known.directory), file, id);
}
