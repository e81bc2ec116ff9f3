import { defineConfig } from "vitest/config";
import { offerSoftwareGpu } from "./test/support/software-gpu.js";

offerSoftwareGpu();

/** Tests of what is published: they build, pack and install the package first. */
export default defineConfig({
  test: {
    include: ["test/package/**/*.test.ts"],
    globalSetup: "test/package/support/install-package.ts",
    reporters: ["default", "./test/support/summary-reporter.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
  },
});
