import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Files that take longest, each for tens of seconds. They begin first, as one that is left for the end keeps one core busy while
 * the others have nothing to do: of files that it has never run, vitest knows only how long their text is.
 */
const longest: readonly string[] = [
  "conformance/backends.test.ts",
  "golden/training-steps.test.ts",
  "unit/transfer-model-tasks.test.ts",
  "golden/int8-animals.test.ts",
  "unit/transfer-model.test.ts",
  "unit/int8-jobs.test.ts",
  "faults/training-killed.test.ts",
  "golden/grad-cam.test.ts",
  "unit/int8.test.ts",
  "golden/fine-tuning-animals.test.ts",
];

/** The order of test files: those that take longest first, then vitest's own order. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification) => {
      const place = longest.findIndex((name) => moduleId.endsWith(`/test/${name}`));
      return place === -1 ? longest.length : place;
    };
    return (await super.sort(files)).toSorted((one, other) => placeOf(one) - placeOf(other));
  }
}
