/** What the configuration says of a source of kind `etcd`. */
import { z } from "zod";
import { absolutePath, duration, secretReference } from "../contract/setting-types.ts";

const endpoint = z.string().regex(/^(https?:\/\/)?[^\s,/-][^\s,/]*$/, "give an address such as https://10.0.0.1:2379");
const word = z.string().regex(/^[^\s,=-][^\s,=]*$/, "give a word without spaces, commas and equal signs");

const query = z.strictObject({
  key: z.string().min(1).describe("A key that a restored copy must have."),
  expect: z
    .union([z.string(), z.number(), z.boolean()])
    .optional()
    .describe("Its value; else anything but nothing and 0."),
});

export const etcdSettings = z.strictObject({
  endpoints: z
    .array(endpoint)
    .min(1)
    .default(["http://127.0.0.1:2379"])
    .describe("Members; the first that answers is asked, as a snapshot comes from one and all have the same data."),
  user: z
    .string()
    .regex(/^[^:]+$/, "give a name without a colon")
    .optional()
    .describe("The user; it needs the role root."),
  password: secretReference.optional().describe("Where the user's password is."),
  ca: absolutePath.optional().describe("The certificates that the server's is checked against."),
  certificate: absolutePath.optional().describe("The certificate that this client shows."),
  key: absolutePath.optional().describe("The key of that certificate."),
  tools: absolutePath
    .optional()
    .describe("The folder of etcdctl, etcdutl and etcd. Default: where the system looks for programs."),
  data: absolutePath.optional().describe("The data folder that the form `data` makes; it must not be there."),
  member: word.default("default").describe("The name of the restored member."),
  "peer-url": endpoint.default("http://localhost:2380").describe("Where other members reach the restored one."),
  "initial-cluster": z
    .string()
    .regex(/^[^\s-]\S*$/)
    .optional()
    .describe("All restored members with their peer URLs: a=https://…,b=https://…. Default: this one alone."),
  "cluster-token": word
    .default("restored")
    .describe("The token of the restored cluster: another than before, so that old members stay away."),
  "revision-bump": z
    .int()
    .nonnegative()
    .default(1_000_000_000)
    .describe(
      "So much later revisions begin after a restore, so that watchers (Kubernetes) see no revision twice; 0 for none.",
    ),
  "time-limit": duration.prefault("1h").describe("How long the capture may take."),
  "start-limit": duration.prefault("5m").describe("How long the server of a proof may take to start."),
  queries: z.array(query).default([]).describe("Keys that are read from a restored copy."),
});

export type EtcdSettings = z.infer<typeof etcdSettings>;

/** What a restore may set: how the new member is made. */
export const memberSettings = etcdSettings.pick({
  data: true,
  member: true,
  "peer-url": true,
  "initial-cluster": true,
  "cluster-token": true,
  "revision-bump": true,
  tools: true,
});

export type MemberSettings = z.infer<typeof memberSettings>;
