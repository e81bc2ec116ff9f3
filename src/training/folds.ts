import { InvalidArgumentError } from "../errors.js";
import { checkBoolean } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
import { createRandom, type Random } from "../random.js";
import { checkRowCount, checkSeed, permutation, rowsByClass } from "./split.js";

/** One fold of a cross-validation. */
export interface Fold {
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
}

/**
 * Divides rows into `folds` parts, each of which is the validation part once; equal index for index to scikit-learn's
 * `KFold(folds, shuffle=True, random_state=seed)`, and with `stratify` to `StratifiedKFold` of the same settings. With
 * `shuffle: false` rows keep their order and nothing is drawn, as is scikit-learn's default.
 *
 * @throws InvalidArgumentError if there are fewer rows, or fewer rows of a class, than folds
 */
export function foldRows(
  count: number,
  options: {
    readonly folds: number;
    readonly stratify?: ArrayLike<number> | undefined;
    readonly seed?: number | undefined;
    /** @default true */
    readonly shuffle?: boolean | undefined;
  },
): readonly Fold[] {
  checkOptions("foldRows", options, { folds: true, stratify: true, seed: true, shuffle: true });
  checkRowCount(count);
  const { folds, stratify, seed = 0, shuffle = true } = options;
  checkBoolean("shuffle", shuffle);
  if (!Number.isInteger(folds) || folds < 2 || folds > count) {
    throw new InvalidArgumentError(`\`folds\` must be a whole number from 2 to the ${count} rows, received ${folds}.`);
  }
  const random = createRandom(checkSeed(seed));
  const mix: Pick<Random, "shuffle"> = shuffle ? random : { shuffle: () => undefined };
  const foldOf = new Uint32Array(count);
  if (stratify) {
    if (stratify.length !== count) {
      throw new InvalidArgumentError(`Folding ${count} rows: \`stratify\` has ${stratify.length} labels.`);
    }
    assignStratified(stratify, folds, mix, foldOf);
  } else {
    const order = permutation(count, mix);
    const size = Math.floor(count / folds);
    const larger = count % folds;
    let start = 0;
    for (let fold = 0; fold < folds; fold++) {
      const end = start + size + (fold < larger ? 1 : 0);
      for (const row of order.subarray(start, end)) foldOf[row] = fold;
      start = end;
    }
  }
  const rows = Uint32Array.from({ length: count }, (_, i) => i);
  return Array.from({ length: folds }, (_, fold) => ({
    train: rows.filter((row) => foldOf[row] !== fold),
    validation: rows.filter((row) => foldOf[row] === fold),
  }));
}

/** Classes in order of first appearance, dealt out to the folds in turn, then shuffled class by class. */
function assignStratified(
  labels: ArrayLike<number>,
  folds: number,
  mix: Pick<Random, "shuffle">,
  foldOf: Uint32Array,
): void {
  const classes = [...rowsByClass(labels).values()];
  const smallest = classes.reduce((least, rows) => Math.min(least, rows.length), Number.POSITIVE_INFINITY);
  if (smallest < folds) {
    throw new InvalidArgumentError(
      `${folds} stratified folds need ${folds} rows of each class; one class has ${smallest}.`,
    );
  }
  const dealt = classes.map(() => new Uint32Array(folds));
  let position = 0;
  for (const [i, rows] of classes.entries()) {
    for (let k = 0; k < rows.length; k++, position++) {
      const counts = dealt[i] as Uint32Array;
      counts[position % folds] = (counts[position % folds] as number) + 1;
    }
  }
  for (const [i, rows] of classes.entries()) {
    const assigned: number[] = [];
    for (const [fold, amount] of (dealt[i] as Uint32Array).entries()) {
      for (let k = 0; k < amount; k++) assigned.push(fold);
    }
    mix.shuffle(assigned);
    for (const [k, row] of rows.entries()) foldOf[row] = assigned[k] as number;
  }
}
