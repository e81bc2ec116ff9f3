import { defineConfig } from "vitest/config";

/** Checks against real Keras, h5py, Pillow and scikit-learn, in a virtual environment that the setup makes. */
export default defineConfig({
  test: {
    include: ["test/python/**/*.test.ts"],
    globalSetup: ["test/python/reference-python.ts", "test/support/picture-worker-bundle.ts"],
    testTimeout: 300_000,
    hookTimeout: 600_000,
    pool: "forks",
    reporters: ["default", "./test/support/summary-reporter.ts"],
    fileParallelism: false,
  },
});
