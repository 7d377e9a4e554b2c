// The page of all settings of `holdfast.yaml`, from the JSON Schema that the configuration itself is checked by.
import { cell, loadModule, table } from "./markdown.ts";

/** What is used of a JSON Schema. */
interface Schema {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: string | number | boolean;
  readonly enum?: readonly (string | number | boolean)[];
  readonly pattern?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

interface SchemaModule {
  readonly configurationJsonSchema: () => Schema;
}

const HEAD = `# The configuration

<!-- Made by \`npm run docs\` from the schema of the configuration. Do not edit. -->

\`holdfast.yaml\` lies in \`~/.config/holdfast\` (\`$XDG_CONFIG_HOME\`), for a whole machine in \`/etc/holdfast\`, or where \`--config\` or \`HOLDFAST_CONFIG\` says.
\`holdfast config check\` says what is wrong with it, with line and column, and \`holdfast config schema\` prints this as JSON Schema, for editors.
[Sources and their proof](guides/sources.md) explains how it is used.

A *secret* is never written here: it is \`{ env: NAME }\`, \`{ file: /path }\` or \`{ command: [program, argument] }\`. A *path* is absolute. A *time* is written as \`30s\`, \`5m\`, \`1h30m\` or
\`1d\`, a *size* as \`512\`, \`10k\`, \`5M\` or \`2G\`. A setting without a default may be left out unless it is required.`;

const HEADINGS = ["setting", "what", "default", "meaning"];

/** The text of `docs/configuration.md` for the repository at `folder`. */
export async function configurationPage(folder: string): Promise<string> {
  const path = "packages/protection/src/configuration/schema.ts";
  const { configurationJsonSchema } = await loadModule<SchemaModule>(folder, path);
  const { version, scratch, repositories, sources, waivers } = known(configurationJsonSchema().properties);
  const kinds = schemaOf(sources?.additionalProperties).oneOf ?? [];
  const [one] = kinds as [Schema];
  const common = Object.keys(known(one.properties)).filter((name) =>
    kinds.every((kind) => name !== "kind" && known(kind.properties)[name] !== undefined),
  );
  const pick = (schema: Schema, wanted: (name: string) => boolean): Schema => ({
    ...schema,
    properties: Object.fromEntries(Object.entries(known(schema.properties)).filter(([name]) => wanted(name))),
  });
  const sections = [
    section("The file", {
      properties: { version: version as Schema, scratch: scratch as Schema },
      required: ["version"],
    }),
    section("`repositories.NAME`", schemaOf(repositories?.additionalProperties)),
    section(
      "`sources.NAME`, whatever the kind",
      pick(one, (name) => common.includes(name)),
    ),
    ...kinds.map((kind) =>
      section(
        `\`kind: ${kind.title}\``,
        pick(kind, (name) => name !== "kind" && !common.includes(name)),
      ),
    ),
    section("`waivers`, a list", schemaOf(waivers?.items)),
  ];
  return `${[HEAD, ...sections].join("\n\n")}\n`;
}

function section(title: string, schema: Schema): string {
  return `## ${title}\n\n${table(HEADINGS, rowsOf(schema, ""))}`;
}

/** A row for each setting; those inside another stand below it, with its name before theirs. */
function rowsOf({ properties, required = [] }: Schema, prefix: string): string[][] {
  return Object.entries(known(properties)).flatMap(([name, schema]) => {
    const path = prefix + name;
    const row = [
      `\`${path}\``,
      typeOf(schema),
      defaultOf(schema, required.includes(name)),
      cell(schema.description ?? ""),
    ];
    return [row, ...innerRows(schema, path)];
  });
}

function innerRows(schema: Schema, path: string): string[][] {
  if (schema.properties !== undefined) return rowsOf(schema, `${path}.`);
  if (schema.type === "array") return partsOf(schemaOf(schema.items)).flatMap((each) => innerRows(each, `${path}[]`));
  if (typeof schema.additionalProperties === "object") {
    const inner = schema.additionalProperties;
    return partsOf(inner).flatMap((each) => innerRows(each, `${path}.NAME`));
  }
  return isSecret(schema) ? [] : (schema.anyOf ?? []).flatMap((each) => innerRows(each, path));
}

function partsOf(schema: Schema): readonly Schema[] {
  return isSecret(schema) ? [] : (schema.anyOf ?? [schema]);
}

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((each) => `\`${String(each)}\``).join(", ");
  if (isSecret(schema)) return "secret";
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schemaOf(schema.items))}`;
  if (schema.properties !== undefined) return "settings";
  if (typeof schema.additionalProperties === "object") return `by name: ${typeOf(schema.additionalProperties)}`;
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "boolean") return "true or false";
  if (schema.format === "date") return "date";
  return schema.pattern?.startsWith("^\\/") === true ? "path" : "text";
}

/** A secret may be in one of three places. */
function isSecret({ anyOf = [] }: Schema): boolean {
  return anyOf.some(({ properties }) => properties?.["env"] !== undefined);
}

function defaultOf({ default: value, properties }: Schema, isRequired: boolean): string {
  if (isRequired && value === undefined) return "**required**";
  const isNothing = value === undefined || ["{}", "[]", '""'].includes(JSON.stringify(value));
  return isNothing || properties !== undefined
    ? ""
    : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

function known<T>(value: Readonly<Record<string, T>> | undefined): Readonly<Record<string, T>> {
  return value ?? {};
}

function schemaOf(value: Schema | boolean | undefined): Schema {
  return typeof value === "object" ? value : {};
}
