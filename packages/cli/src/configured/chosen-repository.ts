/** A repository as a configuration describes it. */
import type { Secret } from "@holdfast/base";
import type { Configuration, RepositoryConfiguration } from "@holdfast/protection/configured";
import type { CommandContext } from "../context.ts";

export interface ChosenRepository {
  /** As the configuration calls it. */
  readonly name: string;
  readonly location: string;
  /** Of the place, as --option takes them. */
  readonly options: ReadonlyMap<string, string>;
  /** What the place reads from the environment otherwise. */
  readonly variables: ReadonlyMap<string, string>;
  password(): Promise<Secret>;
}

/**
 * The repository of this name, with the secrets of its place; its password is fetched when it is asked for.
 * @throws PROTECTION_SECRET
 */
export async function chosenRepository(
  { variables, signal }: Pick<CommandContext, "variables" | "signal">,
  configuration: Configuration,
  name: string,
): Promise<ChosenRepository | undefined> {
  const found: RepositoryConfiguration | undefined = configuration.repositories.get(name);
  if (found === undefined) return undefined;
  const { fetchSecret } = await import("@holdfast/protection/configured");
  const fetching = { environment: variables.forPrograms, signal };
  const places = new Map<string, string>();
  for (const [key, value] of Object.entries(found.variables)) {
    const secret = typeof value === "string" ? undefined : await fetchSecret(value, `repository ${name}`, fetching);
    places.set(key, secret === undefined ? (value as string) : secret.reveal());
  }
  return {
    name,
    location: found.location,
    options: new Map(Object.entries(found.options)),
    variables: places,
    password: () => fetchSecret(found.password, `repository ${name}`, fetching),
  };
}
