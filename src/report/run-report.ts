import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import type { Evaluation } from "../training/evaluate.js";
import type { EpochLog } from "../training/history.js";
import type { Explanation } from "./explanations.js";
import type { FeatureMap } from "./feature-map.js";
import type { Thumbnail } from "./thumbnail.js";

/** What a report tells of a run. Only `evaluation` has to be there; a part that is missing is left out. */
export interface RunReport {
  /** @default "Training report" */
  readonly title?: string | undefined;
  /** What the classifier said of rows that it was not trained on. */
  readonly evaluation: Evaluation;
  /** Figures of the epochs, as `head.history`. */
  readonly history?: readonly EpochLog[] | undefined;
  /** Class of each row that it was trained on, as `train.labels`. */
  readonly trainingLabels?: ArrayLike<number> | undefined;
  /** Names of all rows of the data's file, as `HDF5DatasetGenerator.fileNames()` gives them. */
  readonly fileNames?: readonly string[] | undefined;
  /** Small pictures by name; `writeReport` makes them. */
  readonly thumbnails?: ReadonlyMap<string, Thumbnail> | undefined;
  /** Where it looked at some pictures, by Grad-CAM; `writeReport` makes them. */
  readonly explanations?: readonly Explanation[] | undefined;
  /** A map of the features, as `featureMap` makes it. */
  readonly featureMap?: FeatureMap | undefined;
  /** How it was done: `extractor.attributes`, `head.metadata`, settings of the fit. */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** Machine and versions, as `describeMachine` gives them. */
  readonly machine?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** Words of one's own, as one paragraph below the title. */
  readonly remarks?: string | undefined;
  /** When it was done; no date is shown without. */
  readonly date?: Date | undefined;
}

/** Mistakes that are shown as pictures, at most. */
export const shownMistakes = 24;
/** Pairs of classes that are shown, and pictures of each, at most. */
export const shownConfusions = 10;
export const shownPerConfusion = 5;

/** @throws InvalidArgumentError if it is none */
export function checkReport(report: unknown): asserts report is RunReport {
  if (typeof (report as Partial<RunReport> | null | undefined)?.evaluation?.predictions === "object") return;
  throw new InvalidArgumentError(
    `\`report\` is ${describeValue(report)}: expected at least \`{ evaluation }\`, what \`evaluate\` gave.`,
  );
}
