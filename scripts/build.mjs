// Builds every package into its dist folder. The order follows the import direction.
import { execFileSync } from "node:child_process";

const packages = ["base", "storage", "engine", "protection", "cli"];
for (const name of packages) {
  execFileSync("tsc", ["-p", `packages/${name}`], { stdio: "inherit" });
}
