/** What programs of a workload get to see of our environment. */

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Without variables that tell a tool where to go, or who it is: whoever runs Holdfast may have set them for other work, and only the
 * configuration counts.
 */
export function withoutVariables(environment: Environment, foreign: RegExp): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !foreign.test(name)));
}
