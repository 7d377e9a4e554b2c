/**
 * Where the keys for a bucket come from, in this order: variables, a named profile, web identity, the default profile, the
 * container's service, the machine's metadata service. Each is told what it needs, so that none looks into the environment of
 * this process by itself; what a profile names (a program, another profile, single sign-on) the SDK follows.
 */
import { join } from "node:path";
import { fromHttp, fromIni, fromInstanceMetadata, fromTokenFile } from "@aws-sdk/credential-providers";
import { messageOf } from "@holdfast/base";
import { storageError } from "../errors.ts";
import type { Surroundings } from "../location.ts";
import type { S3Place } from "./s3-location.ts";
import type { S3Settings } from "./s3-settings.ts";

/** What signs a request. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

export type CredentialsSource = () => Promise<S3Credentials>;

const HOW = {
  s3: "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for a profile of ~/.aws.",
  gs: "Set GS_HMAC_ACCESS_ID and GS_HMAC_SECRET to an HMAC key of the bucket's project.",
} as const;

/**
 * The source that fits what is set. The machine's and the container's roles serve AWS only: their session token goes along with
 * every request, and is nobody else's business.
 * @throws STORAGE_NO_CREDENTIALS, also when it is called
 */
export function credentialsSource(place: S3Place, settings: S3Settings, surroundings: Surroundings): CredentialsSource {
  const { variable } = surroundings;
  const missing = (what: string, cause?: unknown): Error =>
    storageError("STORAGE_NO_CREDENTIALS", { location: place.shown, missing: what, how: HOW[place.scheme] }, cause);
  const pair = place.scheme === "gs" ? googleKeys(variable) : awsKeys(variable);
  if (pair !== undefined) {
    if (pair.accessKeyId === "" || pair.secretAccessKey === "") throw missing("one half of the key");
    return async () => pair;
  }
  if (place.scheme === "gs") throw missing("the HMAC key");
  const sources = chain(settings, surroundings);
  return async () => {
    const problems: string[] = [];
    for (const { name, source } of sources) {
      try {
        return await source();
      } catch (error) {
        problems.push(`${name}: ${messageOf(error)}`);
      }
    }
    throw missing("the access key", new Error(problems.join("; ")));
  };
}

type Lookup = Surroundings["variable"];

function awsKeys(variable: Lookup): S3Credentials | undefined {
  const accessKeyId = variable("AWS_ACCESS_KEY_ID");
  const secretAccessKey = variable("AWS_SECRET_ACCESS_KEY");
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  const sessionToken = variable("AWS_SESSION_TOKEN");
  return {
    accessKeyId: accessKeyId ?? "",
    secretAccessKey: secretAccessKey ?? "",
    ...(sessionToken === undefined ? {} : { sessionToken }),
  };
}

function googleKeys(variable: Lookup): S3Credentials | undefined {
  const accessKeyId = variable("GS_HMAC_ACCESS_ID");
  const secretAccessKey = variable("GS_HMAC_SECRET");
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  return { accessKeyId: accessKeyId ?? "", secretAccessKey: secretAccessKey ?? "" };
}

interface NamedSource {
  readonly name: string;
  readonly source: CredentialsSource;
}

function chain(settings: S3Settings, surroundings: Surroundings): NamedSource[] {
  const { variable } = surroundings;
  const clientConfig = { region: settings.region };
  const profile = variable("AWS_PROFILE");
  const files = profileFiles(surroundings);
  const ini = (name: string): NamedSource => ({
    name: `profile ${name}`,
    source: fromIni({ ...files, profile: name, clientConfig }),
  });
  // Whoever names a profile wants that one and no other.
  if (profile !== undefined) return [ini(profile)];
  const sources: NamedSource[] = [];
  const webIdentityTokenFile = variable("AWS_WEB_IDENTITY_TOKEN_FILE");
  const roleArn = variable("AWS_ROLE_ARN");
  if (webIdentityTokenFile !== undefined && roleArn !== undefined) {
    const roleSessionName = variable("AWS_ROLE_SESSION_NAME") ?? "holdfast";
    const source = fromTokenFile({ webIdentityTokenFile, roleArn, roleSessionName, clientConfig });
    sources.push({ name: "web identity", source });
  }
  sources.push(ini("default"));
  if (settings.isAws) sources.push(...rolesOfMachine(variable));
  return sources;
}

function profileFiles({ variable, home }: Surroundings): { filepath: string; configFilepath: string } {
  return {
    filepath: variable("AWS_SHARED_CREDENTIALS_FILE") ?? join(home, ".aws", "credentials"),
    configFilepath: variable("AWS_CONFIG_FILE") ?? join(home, ".aws", "config"),
  };
}

function rolesOfMachine(variable: Lookup): NamedSource[] {
  const relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const full = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  const token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  const tokenFile = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (relative !== undefined || full !== undefined) {
    const source = fromHttp({
      ...(relative === undefined ? {} : { awsContainerCredentialsRelativeUri: relative }),
      ...(full === undefined || relative !== undefined ? {} : { awsContainerCredentialsFullUri: full }),
      ...(token === undefined || tokenFile !== undefined ? {} : { awsContainerAuthorizationToken: token }),
      ...(tokenFile === undefined ? {} : { awsContainerAuthorizationTokenFile: tokenFile }),
    });
    return [{ name: "container", source }];
  }
  if (variable("AWS_EC2_METADATA_DISABLED")?.toLowerCase() === "true") return [];
  return [{ name: "machine", source: fromInstanceMetadata({ timeout: 1000, maxRetries: 1 }) }];
}
