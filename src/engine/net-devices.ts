/** Interfaces of the host that a config moves into the container: their numbers, and the addresses that they lose on the way. */
import { PidboxError } from "../base/error.ts";
import { quote } from "../base/text.ts";
import { errnoName } from "../kernel/abi/errno.ts";
import { readAddresses, readLinkIndex } from "../kernel/netlink.ts";
import type { NetDevice } from "../plan/blueprint.ts";
import type { Linux } from "../spec/runtime-config.ts";

/** Looks at the devices in the caller's network namespace. Throws NOT_FOUND, CONFIG_INVALID, IO. */
export function readNetDevices(devices: NonNullable<Linux["netDevices"]>): NetDevice[] {
  return Object.entries(devices).map(([hostName, { name = hostName }]) => {
    const from = `/linux/netDevices/${hostName}`;
    const index = readLinkIndex(hostName);
    if (index < 0) {
      throw new PidboxError("NOT_FOUND", `Cannot move the network device ${quote(hostName, 40)}: ${errnoName(index)}`, { context: { errno: errnoName(index), from } });
    }
    const addresses = readAddresses(index);
    if (typeof addresses === "number") {
      throw new PidboxError("IO", `Cannot read the addresses of the network device ${quote(hostName, 40)}: ${errnoName(addresses)}`, {
        context: { errno: errnoName(addresses), from },
      });
    }
    return { hostName, name, index, addresses };
  });
}
