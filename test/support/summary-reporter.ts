import type { Reporter, TestModule } from "vitest/node";

/**
 * What is skipped everywhere says why after a colon: `(skipped: this backend has no thread of its own)`. What is skipped
 * only where something is missing says `(skipped where ...)`.
 */
const skippedEverywhere = /\(skipped: [^)]+\)/;

/**
 * What may be skipped as well where SKIP_CHROMIUM says that Chromium, and with it a software GPU, cannot be installed: the
 * reason counts, not what a test is about.
 */
const needsChromium = /\(skipped where [^()]*(?:Chromium|tfjs-webgpu)/;

/** Names of skipped tests that fail a run in which nothing may be skipped for want of something. */
export function refusedSkips(names: readonly string[], withoutChromium: boolean): readonly string[] {
  return names.filter((name) => !skippedEverywhere.test(name) && !(withoutChromium && needsChromium.test(name)));
}

/**
 * Closes a run with one plain line of counts and the name of every skipped test. With REQUIRE_EVERYTHING set a test
 * that was skipped because something is missing fails the run: where everything can be installed, nothing may be left out.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const skipped: string[] = [];
    const notes = new Map<string, string>();
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === "pending") continue;
        counts[result.state]++;
        if (result.state !== "skipped") continue;
        const name = `${module.relativeModuleId} > ${test.fullName}`;
        skipped.push(name);
        if (result.note) notes.set(name, `: ${result.note}`);
      }
      if (module.state() === "failed" && module.errors().length > 0) counts.failed++;
    }
    for (const name of skipped) console.log(`skipped: ${name}${notes.get(name) ?? ""}`);
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
    const refused = refusedSkips(skipped, Boolean(process.env.SKIP_CHROMIUM));
    if (process.env.REQUIRE_EVERYTHING && refused.length > 0) {
      console.log(`${refused.length} tests were skipped, which REQUIRE_EVERYTHING forbids`);
      process.exitCode = 1;
    }
  }
}
