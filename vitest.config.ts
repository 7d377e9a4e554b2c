import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: "100%", // of the cores; the default leaves one idle
    execArgv: ["--disable-warning=ExperimentalWarning"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
