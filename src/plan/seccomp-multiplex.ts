/** The calls that i386 also has as operations of socketcall(2) and ipc(2); numbers of linux/net.h and linux/ipc.h. */

export interface MultiplexedCall {
  readonly by: "socketcall" | "ipc";
  /** The value of the first argument, after the mask. */
  readonly operation: number;
  /** ipc(2) takes the operation from the low 16 bits, a version is above them. */
  readonly mask: number;
}

const SOCKETCALL: Readonly<Record<string, number>> = {
  socket: 1, bind: 2, connect: 3, listen: 4, accept: 5, getsockname: 6, getpeername: 7, socketpair: 8, send: 9, recv: 10, sendto: 11,
  recvfrom: 12, shutdown: 13, setsockopt: 14, getsockopt: 15, sendmsg: 16, recvmsg: 17, accept4: 18, recvmmsg: 19, sendmmsg: 20,
};

const IPC: Readonly<Record<string, number>> = {
  semop: 1, semget: 2, semctl: 3, semtimedop: 4, msgsnd: 11, msgrcv: 12, msgget: 13, msgctl: 14, shmat: 21, shmdt: 22, shmget: 23, shmctl: 24,
};

/** How `name` is called through a multiplexer on i386, or undefined if it is not. */
export function multiplexed(name: string): MultiplexedCall | undefined {
  if (Object.hasOwn(SOCKETCALL, name)) return { by: "socketcall", operation: SOCKETCALL[name] ?? 0, mask: 0xffff_ffff };
  if (Object.hasOwn(IPC, name)) return { by: "ipc", operation: IPC[name] ?? 0, mask: 0xffff };
  return undefined;
}
