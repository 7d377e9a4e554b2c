/** `holdfast init`: makes a repository. */
import { hostname } from "node:os";
import { type RepositoryConfig, createRepository, displayPath, engineError } from "@holdfast/engine";
import type { CommandContext, RunCommand } from "../context.ts";
import { cliError } from "../errors.ts";
import { EXIT } from "../exit.ts";
import { firstPassword } from "../password/password-source.ts";
import { withNewBackend, withSession } from "../repository-session.ts";
import { noteLastKey } from "../seen/last-key.ts";
import { currentUser } from "../values/key-origin.ts";

export const run: RunCommand = async (context) => {
  const { options, output, signal } = context;
  const version = options.text("repository-version") === "1" ? 1 : 2;
  const chunkerPolynomial = await otherPolynomial(context);
  return withNewBackend(context, async (backend) => {
    // Before anybody is asked for a password.
    if ((await backend.stat({ type: "config", name: "" }, { signal })) !== undefined) {
      throw engineError("ENGINE_REPOSITORY_EXISTS", { location: backend.location });
    }
    const {
      config,
      keyId: id,
      keyParameters: parameters,
    } = await createRepository(backend, await firstPassword(context), {
      signal,
      version,
      hostname: hostname(),
      username: currentUser(),
      ...(chunkerPolynomial === undefined ? {} : { chunkerPolynomial }),
    });
    await noteLastKey(context, backend.location, { id, parameters });
    if (output.settings.json) {
      output.printJson({ message_type: "initialized", id: config.id, repository: backend.location });
    } else reportCreated(context, config, backend.location);
    return EXIT.ok;
  });
};

function reportCreated({ output, options }: CommandContext, config: RepositoryConfig, location: string): void {
  output.message(`made repository ${config.id.slice(0, 10)} at ${displayPath(location)}`);
  if (options.flag("insecure-no-password")) {
    output.message("It has an empty password: anybody who reaches it may read everything in it.");
    return;
  }
  output.message("The password is the only way in. Keep it somewhere else as well: when it is lost, so is the data.");
}

/** The polynomial of the other repository, with --copy-chunker-params. */
async function otherPolynomial(context: CommandContext): Promise<bigint | undefined> {
  const { options } = context;
  const isNamed = options.typed("from-repo") !== undefined || options.typed("from-repository-file") !== undefined;
  if (!options.flag("copy-chunker-params")) {
    if (!isNamed) return undefined;
    const problem = "--from-repo does nothing without --copy-chunker-params";
    throw cliError("CLI_USAGE", { problem, help: "holdfast help init" });
  }
  return withSession(context, async ({ repository }) => repository.config.chunkerPolynomial, { whose: "from" });
}
