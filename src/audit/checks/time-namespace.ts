import { namespaceCheck } from "../namespace-check.ts";

export const check = namespaceCheck({
  id: "L30",
  name: "time-namespace",
  type: "time",
  title: "The container is in the host's time namespace",
  severity: "info",
  why: "Its uptime and monotonic clock are the host's: they tell when the host was started, and make containers on one host recognisable as such.",
  references: ["T1082"],
  found: "it sees when the host was started",
  remedy: {
    text: "Where that matters, give it a time namespace with offsets",
    docker: "docker run --runtime pidbox   # with offsets in config.json; moby has time namespaces on since 2026",
  },
});
