import type { Reporter, TestModule } from "vitest/node";

/**
 * What is skipped everywhere says why after a colon: `(skipped: this backend has no thread of its own)`. What is skipped
 * only where something is missing says `(skipped where ...)`.
 */
const skippedEverywhere = /\(skipped: [^)]+\)/;

/** What may be skipped as well where SKIP_CHROMIUM says that Chromium, and with it a software GPU, cannot be installed. */
const needsChromium = /Chromium|WebGPU|tfjs-webgpu/;

/**
 * Closes a run with one plain line of counts and the name of every skipped test. With REQUIRE_EVERYTHING set a test
 * that was skipped because something is missing fails the run: where everything can be installed, nothing may be left out.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const skipped: string[] = [];
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "pending") continue;
        counts[state]++;
        if (state === "skipped") skipped.push(`${module.relativeModuleId} > ${test.fullName}`);
      }
      if (module.state() === "failed" && module.errors().length > 0) counts.failed++;
    }
    for (const name of skipped) console.log(`skipped: ${name}`);
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
    const refused = skipped.filter(
      (name) => !skippedEverywhere.test(name) && !(process.env.SKIP_CHROMIUM && needsChromium.test(name)),
    );
    if (process.env.REQUIRE_EVERYTHING && refused.length > 0) {
      console.log(`${refused.length} tests were skipped, which REQUIRE_EVERYTHING forbids`);
      process.exitCode = 1;
    }
  }
}
