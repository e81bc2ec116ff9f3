import { defineConfig } from "vitest/config";

/** What happens when processes are killed, disks are full and files damaged; `test/faults/run.ts` sets how often. */
export default defineConfig({
  test: {
    include: ["test/faults/**/*.test.ts"],
    testTimeout: 1_800_000,
    hookTimeout: 120_000,
    globalSetup: "test/support/picture-worker-bundle.ts",
    pool: "forks",
    reporters: ["default", "./test/support/summary-reporter.ts"],
  },
});
