import { defineConfig } from "vitest/config";

/** A real Slurm array on this machine, for which its daemons are started and ended. */
export default defineConfig({
  test: {
    include: ["test/slurm/**/*.test.ts"],
    testTimeout: 600_000,
    pool: "forks",
    reporters: ["default", "./test/support/summary-reporter.ts"],
  },
});
