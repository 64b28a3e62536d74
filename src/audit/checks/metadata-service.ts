import type { ContainerCheck } from "../check.ts";
import { evidenceOf, inapplicable, pass, saw, unknown } from "../check.ts";

const VENDOR = "/sys/class/dmi/id/sys_vendor";
const PRODUCT = "/sys/class/dmi/id/product_name";
const CLOUD = /Amazon EC2|Google|Microsoft Corporation|OpenStack|DigitalOcean|Hetzner|Alibaba|OracleCloud|Scaleway|Tencent|HUAWEI CLOUD|Vultr|Linode/i;

export const check: ContainerCheck = {
  scope: "container",
  id: "N04",
  name: "metadata-service",
  title: "The cloud's metadata service may be reached",
  severity: "high",
  why: "At 169.254.169.254 most clouds hand out credentials of the machine to whoever asks from it; a request that a container is tricked into sending is enough.",
  references: ["T1552.005"],
  remedy: {
    text: "Refuse that address to containers, and ask the cloud for tokens with one hop",
    host: "iptables -I DOCKER-USER -d 169.254.169.254 -j REJECT   # and on AWS: http-put-response-hop-limit 1, http-tokens required",
    kubernetes: "# a NetworkPolicy with egress except 169.254.169.254/32",
  },
  reads: { files: [VENDOR, PRODUCT] },
  evaluate({ container, network }, { host }) {
    const words = [VENDOR, PRODUCT].map((path) => host.files.get(path)).filter((text) => typeof text === "string").join(" ");
    const source = `/proc/${container.initPid ?? 0}/net/route`;
    const routes = network?.routes ?? -3;
    if (typeof routes === "number") return unknown("its routes could not be read", evidenceOf(source, routes));
    if (routes.length === 0) return pass("no way out", saw(source, "no default route"));
    if (!CLOUD.test(words)) return inapplicable("the host is not known as a cloud's", saw(VENDOR, words));
    return unknown("it has a way out, and what filters on it is not asked", saw(source, routes.map((route) => `default via ${route.gateway} dev ${route.interface}`).join("; ")), saw(VENDOR, words));
  },
};
