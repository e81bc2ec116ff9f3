import { expect, test } from "vitest";
import { skippedWithout } from "../support/backends.js";
import { refusedSkips } from "../support/summary-reporter.js";

test.each([
  ["a test that is skipped everywhere, with its reason", "a.test.ts > ticks (skipped: it has no thread)", false, true],
  [
    "one that is skipped where data is missing",
    "a.test.ts > reads (skipped where ../shared/data is missing)",
    true,
    false,
  ],
  ["one that is skipped without a reason", "a.test.ts > in Chromium, on WebGPU", true, false],
  [
    "one of WebGPU that lacks something else",
    "webgpu.test.ts > tfjs-webgpu (skipped where data is missing)",
    true,
    false,
  ],
  ["one that lacks Chromium", "a.test.ts > bundle (skipped where Chromium is missing: apt-get)", true, true],
  ["the same where Chromium can be installed", "a.test.ts > bundle (skipped where Chromium is missing)", false, false],
  ["a backend on a GPU that is not there", `a.test.ts > it${skippedWithout("tfjs-webgpu", "no adapter")}`, true, true],
  ["another backend that does not start", `a.test.ts > it${skippedWithout("onnx", "no library")}`, true, false],
])("where nothing may be left out, %s: %s", (_, name, withoutChromium, tolerated) => {
  expect(refusedSkips([name], withoutChromium)).toEqual(tolerated ? [] : [name]);
});
