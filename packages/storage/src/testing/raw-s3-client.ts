/** S3's own client, to look at buckets and to change them without the code under test. */
import { S3Client } from "@aws-sdk/client-s3";
import { type GatewayUser, OWNER } from "./ceph-gateway.ts";

/** @param url of the gateway */
export function rawS3Client(url: string, { accessKeyId, secretAccessKey }: GatewayUser = OWNER): S3Client {
  return new S3Client({
    endpoint: url,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: 1,
  });
}

/** What a program is told to use buckets of the gateway as their owner. @param home a folder without settings of anybody */
export function ownerVariables(home: string): Readonly<Record<string, string>> {
  return {
    AWS_ACCESS_KEY_ID: OWNER.accessKeyId,
    AWS_SECRET_ACCESS_KEY: OWNER.secretAccessKey,
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_EC2_METADATA_DISABLED: "true",
    HOME: home,
  };
}
