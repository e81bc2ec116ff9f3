import { InvalidArgumentError } from "../errors.js";
import { checkBoolean } from "../options/check-option.js";
import { createRandom, type Random } from "../random.js";

/** How to divide rows in two. */
export interface SplitOptions {
  /** Size of the second part: a fraction of the rows (0 < x < 1, rounded up), or a number of rows. */
  readonly size: number;
  /** Class of each row; given, both parts get each class in proportion. */
  readonly stratify?: ArrayLike<number> | undefined;
  /** @default 0 */
  readonly seed?: number | undefined;
}

/** Indices of two parts of some rows. */
export interface Split {
  readonly first: Uint32Array;
  readonly second: Uint32Array;
}

/**
 * Divides `count` rows at random, equal index for index to scikit-learn's
 * `train_test_split(range(count), test_size=size, stratify=stratify, random_state=seed)`.
 *
 * @throws InvalidArgumentError if a part would be empty or a class has too few members
 */
export function splitRows(count: number, options: SplitOptions): Split {
  const { stratify, seed = 0 } = options;
  const second = resolveSize(options.size, count);
  const first = count - second;
  if (first < 1) {
    throw new InvalidArgumentError(
      `Splitting ${count} rows: a part of ${second} leaves none for the other. Choose a smaller \`size\`.`,
    );
  }
  const random = createRandom(checkSeed(seed));
  if (!stratify) {
    const order = permutation(count, random);
    return { first: order.subarray(second), second: order.subarray(0, second) };
  }
  if (stratify.length !== count) {
    throw new InvalidArgumentError(`Splitting ${count} rows: \`stratify\` has ${stratify.length} labels.`);
  }
  return splitStratified(membersByClass(stratify), first, second, random);
}

/** Indices of the parts that rows were divided into. */
export interface Division {
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
  readonly test: Uint32Array | undefined;
}

/**
 * Divides `count` rows into those to train with and those to validate with, and perhaps others to test with, which are
 * split off first. All sizes are fractions of `count`, rounded up, or numbers of rows.
 *
 * @throws InvalidArgumentError if a part would be empty or a class has too few members
 */
export function divideRows(
  count: number,
  options: {
    readonly validation: number;
    readonly test?: number | undefined;
    readonly labels?: ArrayLike<number> | undefined;
    readonly seed: number;
  },
): Division {
  const { validation, test, labels, seed } = options;
  checkParts(count, { validation, test });
  if (test === undefined) {
    const { first, second } = splitRows(count, { size: validation, stratify: labels, seed });
    return { train: first, validation: second, test: undefined };
  }
  const outer = splitRows(count, { size: test, stratify: labels, seed });
  const size = validation > 0 && validation < 1 ? Math.ceil(validation * count) : validation;
  const stratify = labels && Array.from(outer.first, (row) => labels[row] as number);
  const inner = splitRows(outer.first.length, { size, stratify, seed });
  const rowsOf = (places: Uint32Array) => places.map((place) => outer.first[place] as number);
  return { train: rowsOf(inner.first), validation: rowsOf(inner.second), test: outer.second };
}

/** Checks sizes of parts, by the names that the caller gave them. */
function checkParts(count: number, sizes: Readonly<Record<string, number | undefined>>): void {
  let taken = 0;
  for (const [name, size] of Object.entries(sizes)) {
    if (size === undefined) continue;
    const fraction = size > 0 && size < 1;
    if (!fraction && !(Number.isInteger(size) && size >= 1 && size <= count)) {
      throw new InvalidArgumentError(
        `Splitting ${count} rows: \`${name}\` must be a fraction between 0 and 1, or a whole number of rows up to ${count}; received ${size}.`,
      );
    }
    taken += fraction ? Math.ceil(size * count) : size;
  }
  if (taken >= count) {
    const given = Object.entries(sizes).flatMap(([name, size]) => (size === undefined ? [] : `\`${name}: ${size}\``));
    throw new InvalidArgumentError(
      `Splitting ${count} rows: ${given.join(" and ")} take${given.length === 1 ? "s" : ""} ${taken} of them, which leaves none to train with. Choose smaller parts.`,
    );
  }
}

/** Divides each class in the proportion of the whole, as scikit-learn's `StratifiedShuffleSplit` does. */
function splitStratified(members: readonly Uint32Array[], first: number, second: number, random: Random): Split {
  const counts = members.map((rows) => rows.length);
  if (counts.some((count) => count < 2)) {
    throw new InvalidArgumentError(
      `A stratified split needs at least 2 rows of each class; one class has ${counts.reduce((a, b) => Math.min(a, b))}. Add rows to it, or split without \`stratify\`.`,
    );
  }
  for (const size of [first, second]) {
    if (size < counts.length) {
      throw new InvalidArgumentError(
        `A stratified split into ${first} and ${second} rows cannot give both parts each of the ${counts.length} classes. Choose another \`size\`.`,
      );
    }
  }
  const firstCounts = proportionalCounts(counts, first, random);
  const rest = counts.map((count, i) => count - (firstCounts[i] as number));
  const secondCounts = proportionalCounts(rest, second, random);
  const firstRows: number[] = [];
  const secondRows: number[] = [];
  for (const [i, rows] of members.entries()) {
    const order = permutation(rows.length, random);
    const end = firstCounts[i] as number;
    for (const at of order.subarray(0, end)) firstRows.push(rows[at] as number);
    for (const at of order.subarray(end, end + (secondCounts[i] as number))) secondRows.push(rows[at] as number);
  }
  random.shuffle(firstRows);
  random.shuffle(secondRows);
  return { first: Uint32Array.from(firstRows), second: Uint32Array.from(secondRows) };
}

/**
 * Shares `total` among classes in proportion to their counts: the whole parts first, the rest to the greatest
 * remainders, ties at random. Draws random numbers exactly as scikit-learn does.
 */
function proportionalCounts(counts: readonly number[], total: number, random: Random): number[] {
  const sum = counts.reduce((a, b) => a + b, 0);
  const exact = counts.map((count) => (count / sum) * total);
  const shares = exact.map(Math.floor);
  let missing = total - shares.reduce((a, b) => a + b, 0);
  if (missing <= 0) return shares;
  const remainders = exact.map((value, i) => value - (shares[i] as number));
  for (const remainder of [...new Set(remainders)].sort((a, b) => b - a)) {
    const candidates = remainders.flatMap((value, i) => (value === remainder ? [i] : []));
    const order = permutation(candidates.length, random);
    for (const at of order.subarray(0, Math.min(candidates.length, missing))) {
      const index = candidates[at] as number;
      shares[index] = (shares[index] as number) + 1;
    }
    missing -= Math.min(candidates.length, missing);
    if (missing === 0) break;
  }
  return shares;
}

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
  const members = new Map<number, number[]>();
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    const rows = members.get(label);
    if (rows) rows.push(row);
    else members.set(label, [row]);
  }
  const classes = [...members.values()];
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

/** Rows of each class, classes in order of their number. */
function membersByClass(labels: ArrayLike<number>): Uint32Array[] {
  const members = new Map<number, number[]>();
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    const rows = members.get(label);
    if (rows) rows.push(row);
    else members.set(label, [row]);
  }
  return [...members.entries()].sort(([a], [b]) => a - b).map(([, rows]) => Uint32Array.from(rows));
}

function permutation(count: number, random: Pick<Random, "shuffle">): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  random.shuffle(order);
  return order;
}

function resolveSize(size: number, count: number): number {
  if (size > 0 && size < 1) return Math.ceil(size * count);
  if (Number.isInteger(size) && size >= 1 && size <= count) return size;
  throw new InvalidArgumentError(
    `Splitting ${count} rows: \`size\` must be a fraction between 0 and 1, or a whole number of rows up to ${count}; received ${size}.`,
  );
}

/** Checks a seed: a whole number of 32 bits, as numpy takes it. */
export function checkSeed(seed: number): number {
  if (Number.isInteger(seed) && seed >= 0 && seed <= 0xffffffff) return seed;
  throw new InvalidArgumentError(`\`seed\` must be a whole number from 0 to 4294967295, received ${seed}.`);
}
