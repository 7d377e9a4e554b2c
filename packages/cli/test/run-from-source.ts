// Runs the command line from its source, as `bin/` runs it from the build.
import { main } from "../src/main.ts";

process.exitCode = await main(process.argv.slice(2));
