import { defineConfig } from "vitest/config";
import { offerSoftwareGpu } from "./test/support/software-gpu.js";

offerSoftwareGpu();

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/python/**", "test/package/**", "node_modules/**"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: "forks",
    reporters: ["default", "./test/support/summary-reporter.ts"],
  },
});
