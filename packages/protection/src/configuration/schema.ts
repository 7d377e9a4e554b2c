/**
 * What `holdfast.yaml` may say: one schema, of which types, defaults, checks, JSON Schema and reference are made. Policies and
 * schedules will be further keys beside `repositories` and `sources`.
 */
import { SOURCE_KINDS, absolutePath, hookSettings, secretReference } from "@holdfast/sources";
import { z } from "zod";

const name = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$/,
    "a name has small letters, digits, and . _ - between them, 64 at most",
  );

const repository = z.strictObject({
  location: z
    .string()
    .min(1)
    .describe(
      "Where it is: a folder, or an address such as sftp:user@host:/path or s3:https://host/bucket. No password in it.",
    ),
  password: secretReference.describe("Where its password is."),
  options: z
    .record(z.string(), z.string())
    .default({})
    .describe("Options of the place, as --option takes them: `s3.region: eu-central-1`."),
  variables: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.union([z.string(), secretReference]))
    .default({})
    .describe("Variables that the place reads, such as AWS_ACCESS_KEY_ID; secrets by reference."),
});

/** What every source has, whatever its kind. */
const COMMON = {
  kind: z.enum([...SOURCE_KINDS.keys()]).describe("What it is."),
  repositories: z.array(name).min(1).optional().describe("Where it is kept. Default: all repositories."),
  tags: z
    .array(z.string().regex(/^[^,\s]+$/, "a tag has no commas and spaces"))
    .default([])
    .describe("Tags of its snapshots."),
  hooks: hookSettings.optional().describe("Commands around each capture."),
};
const common = z.object(COMMON);

export type SourceConfiguration = z.infer<typeof common> & {
  readonly name: string;
  /** Checked and completed by the schema of its kind. */
  readonly settings: unknown;
};

export type RepositoryConfiguration = z.infer<typeof repository>;

/** The settings of a kind are checked by the schema of that kind, so that it is written once. */
const source = z.record(z.string(), z.unknown()).transform((given, context): Omit<SourceConfiguration, "name"> => {
  const known = common.safeParse(given);
  if (!known.success) {
    for (const issue of known.error.issues) context.addIssue({ ...issue, input: undefined } as never);
    return z.NEVER;
  }
  const own = Object.fromEntries(Object.entries(given).filter(([key]) => !(key in COMMON)));
  const settings = SOURCE_KINDS.get(known.data.kind)?.settings.safeParse(own);
  if (settings?.success !== true) {
    for (const issue of settings?.error.issues ?? []) context.addIssue({ ...issue, input: undefined } as never);
    return z.NEVER;
  }
  return { ...known.data, settings: settings.data };
});

export const configurationSchema = z
  .strictObject({
    version: z.literal(1).describe("The version of this form of configuration."),
    repositories: z.record(name, repository).default({}).describe("Where copies are kept, by a name of your own."),
    sources: z.record(name, source).default({}).describe("What is protected, by a name of your own."),
    scratch: absolutePath
      .optional()
      .describe("A folder for restored copies while they are proven. Default: the system's."),
  })
  .superRefine(({ repositories, sources }, context) => {
    for (const [key, { repositories: named = [] }] of Object.entries(sources)) {
      named.forEach((each, at) => {
        if (each in repositories) return;
        const message = `there is no repository '${each}' under repositories`;
        context.addIssue({ code: "custom", message, path: ["sources", key, "repositories", at] });
      });
    }
  });

/** A configuration that was checked. */
export interface Configuration {
  /** The file, absolute. */
  readonly path: string;
  readonly repositories: ReadonlyMap<string, RepositoryConfiguration>;
  readonly sources: ReadonlyMap<string, SourceConfiguration>;
  readonly scratch: string | undefined;
}

/** The JSON Schema of a configuration, for editors. */
export function configurationJsonSchema(): Readonly<Record<string, unknown>> {
  const options = { io: "input", unrepresentable: "any" } as const;
  const commonSchema = z.toJSONSchema(common, options);
  const kinds = [...SOURCE_KINDS.values()].map(({ kind, settings }) => {
    const own = z.toJSONSchema(settings, options);
    return {
      title: kind,
      type: "object",
      properties: { ...commonSchema.properties, kind: { const: kind }, ...own.properties },
      required: ["kind", ...(own.required ?? [])],
      additionalProperties: false,
    };
  });
  const whole = z.toJSONSchema(configurationSchema, options);
  const sources = { ...(whole.properties?.["sources"] as object), additionalProperties: { oneOf: kinds } };
  return { ...whole, title: "Holdfast configuration", properties: { ...whole.properties, sources } };
}
