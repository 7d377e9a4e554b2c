/** The table of all topics, in the order in which they are read. */
import { ACCOUNT_TOPICS } from "./accounts.ts";
import { DISK_TOPICS } from "./disks.ts";
import { MACHINE_TOPICS } from "./machine.ts";
import { NETWORK_TOPICS } from "./network.ts";
import { SERVICE_TOPICS } from "./services.ts";
import { SOFTWARE_TOPICS } from "./software.ts";
import type { Topic } from "./topic.ts";

export const TOPICS: readonly Topic[] = [
  ...SOFTWARE_TOPICS,
  ...ACCOUNT_TOPICS,
  ...SERVICE_TOPICS,
  ...NETWORK_TOPICS,
  ...DISK_TOPICS,
  ...MACHINE_TOPICS,
];
