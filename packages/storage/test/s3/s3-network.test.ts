/** Buckets on a bad network. */
import { describe } from "vitest";
import { PLAIN_SETTINGS } from "../../src/http/http-settings.ts";
import { S3Backend } from "../../src/s3/s3-backend.ts";
import { S3Connection } from "../../src/s3/s3-connection.ts";
import { parseS3Place } from "../../src/s3/s3-location.ts";
import { s3Settings } from "../../src/s3/s3-settings.ts";
import { CephGateway, OWNER, hasCeph } from "../../src/testing/ceph-gateway.ts";
import { networkConformance, patienceOf } from "../../src/testing/network-conformance.ts";
import { rawS3Client } from "../../src/testing/raw-s3-client.ts";
import { makeBucket, surroundings } from "./s3-subject.ts";

describe.skipIf(!hasCeph())("Ceph's gateway", () => {
  networkConformance("S3Backend", async () => {
    const gateway = await CephGateway.start();
    const client = rawS3Client(gateway.url);
    const bucket = await makeBucket(client);
    client.destroy();
    return {
      port: gateway.port,
      stop: () => gateway.stop(),
      async open(folder, at) {
        const place = parseS3Place(`http://${at.host}:${at.port}/${bucket}/${folder}`);
        const connection = new S3Connection({
          place,
          settings: await s3Settings(place, surroundings()),
          http: PLAIN_SETTINGS,
          credentials: async () => OWNER,
          ...patienceOf(at.patienceMs),
        });
        return new S3Backend(connection, place.prefix);
      },
    };
  });
});
