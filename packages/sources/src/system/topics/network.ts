/** Topics about the network and who may pass. */
import { iptablesRules, stableJson, withoutComments } from "./normalise.ts";
import type { Topic } from "./topic.ts";

export const ADDRESSES = "network-addresses.json";

/** What counts down, or is what the kernel makes of the rest. */
const DROPPED = new Set([
  "valid_life_time",
  "preferred_life_time",
  "ifindex",
  "link_index",
  "expires",
  "cache",
  "stats64",
  "operstate",
  "flags",
]);
const ip = (...args: string[]): Topic["reads"] => ({
  command: ["ip", "-j", ...args],
  // Without any entry ip prints nothing, or an empty list.
  normalise: (text) => (text.trim() === "" ? "[]\n" : stableJson(text, (key) => DROPPED.has(key))),
});

export const NETWORK_TOPICS: readonly Topic[] = [
  { file: ADDRESSES, about: "interfaces and their addresses", reads: ip("addr"), isVital: true },
  { file: "network-routes.json", about: "routes", reads: ip("route", "show", "table", "all"), isVital: true },
  { file: "network-rules.json", about: "rules of routing", reads: ip("rule"), isVital: true },
  {
    file: "firewall-nft.txt",
    about: "rules of nftables, without counters",
    reads: { command: ["nft", "--stateless", "list", "ruleset"] },
    isVital: false,
  },
  {
    file: "firewall-iptables.txt",
    about: "rules of iptables",
    reads: { command: ["iptables-save"], normalise: iptablesRules },
    isVital: false,
  },
  {
    file: "firewall-ip6tables.txt",
    about: "rules of ip6tables",
    reads: { command: ["ip6tables-save"], normalise: iptablesRules },
    isVital: false,
  },
  {
    file: "names.txt",
    about: "how names are found",
    reads: {
      files: ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"],
      normalise: withoutComments,
    },
    isVital: true,
  },
];
