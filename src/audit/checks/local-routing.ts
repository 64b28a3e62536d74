import { sysctlCheck } from "../sysctl-check.ts";

export const check = sysctlCheck({
  id: "N06",
  name: "local-routing",
  sysctl: "net/ipv4/conf/all/route_localnet",
  title: "Neighbours reach services on the host's loopback",
  severity: "medium",
  why: "With route_localnet the kernel takes packets to 127.0.0.0/8 from other machines and containers: what listens on loopback because it asks for no password is open (CVE-2020-8558).",
  references: ["CVE-2020-8558"],
  good: (value) => value === 0,
  found: (value) => `route_localnet is ${value}`,
  remedy: { text: "Switch it off, or drop such packets in the firewall", host: "sysctl -w net.ipv4.conf.all.route_localnet=0   # kube-proxy: --iptables-localhost-nodeports=false" },
});
