import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import { checkOptions } from "../options/check-options.js";
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
  checkOptions("splitRows", options, { size: true, stratify: true, seed: true });
  checkRowCount(count);
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

/** @throws InvalidArgumentError if it is no number of rows */
export function checkRowCount(count: unknown): void {
  if (typeof count === "number" && Number.isSafeInteger(count) && count >= 0) return;
  throw new InvalidArgumentError(`\`count\` is ${describeValue(count)}: expected a number of rows.`);
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

/** Rows of each class, classes in the order in which they first appear. */
export function rowsByClass(labels: ArrayLike<number>): ReadonlyMap<number, readonly number[]> {
  const members = new Map<number, number[]>();
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    const rows = members.get(label);
    if (rows) rows.push(row);
    else members.set(label, [row]);
  }
  return members;
}

/** Rows of each class, classes in order of their number. */
function membersByClass(labels: ArrayLike<number>): Uint32Array[] {
  return [...rowsByClass(labels).entries()].sort(([a], [b]) => a - b).map(([, rows]) => Uint32Array.from(rows));
}

/** Numbers below `count` in a random order. */
export function permutation(count: number, random: Pick<Random, "shuffle">): Uint32Array {
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
