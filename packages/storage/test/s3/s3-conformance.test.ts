import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe } from "vitest";
import { backendConformance } from "../../src/testing/conformance.ts";
import { CephGateway, hasCeph } from "../../src/testing/ceph-gateway.ts";
import { rawS3Client } from "../../src/testing/raw-s3-client.ts";
import { makeBucket, openIn, plant } from "./s3-subject.ts";

describe.skipIf(!hasCeph())("on Ceph's gateway", () => {
  let gateway: CephGateway;
  let bucket: string;

  beforeAll(async () => {
    gateway = await CephGateway.start();
    bucket = await makeBucket(rawS3Client(gateway.url));
  });
  afterAll(() => gateway.stop());

  // A folder for each test, in one bucket: nothing of one may be seen in another.
  backendConformance("S3Backend", async () => {
    const folder = randomUUID();
    const client = rawS3Client(gateway.url);
    return {
      backend: await openIn(gateway.url, bucket, folder),
      plantForeign: (path) => plant(client, bucket, `${folder}/${path}`),
      dispose: async () => client.destroy(),
    };
  });
});
