import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.js";
import { offerSoftwareGpu } from "./test/support/software-gpu.js";

offerSoftwareGpu();

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/python/**", "test/package/**", "test/slurm/**", "node_modules/**"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    globalSetup: "test/support/picture-worker-bundle.ts",
    pool: "forks",
    // Left alone, vitest keeps one core for itself, which on a machine of two leaves half of it idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    sequence: { sequencer: LongestFirst },
    reporters: ["default", "./test/support/summary-reporter.ts"],
  },
});
