import type { ClassificationReport } from "../training/classification-report.js";

/** A confusion matrix with names; the last line and column may be of many classes. */
export interface NamedMatrix {
  readonly labels: readonly string[];
  readonly confusionMatrix: readonly (readonly number[])[];
  /** How many classes the last line and column are of; 0 if it is a class as the others. */
  readonly others: number;
}

/**
 * The classes that are taken for each other most often, in their own order, and all others as one: pair after pair, the
 * most frequent first, until there are `most` classes.
 */
export function mostConfused(
  { confusionMatrix, perClass }: Pick<ClassificationReport, "confusionMatrix" | "perClass">,
  most: number,
): NamedMatrix {
  const labels = perClass.map(({ label }) => label);
  if (labels.length <= most) return { labels, confusionMatrix, others: 0 };
  const pairs = confusionMatrix
    .flatMap((line, row) =>
      line.slice(0, row).map((count, column) => ({
        row,
        column,
        count: count + (confusionMatrix[column]?.[row] as number),
      })),
    )
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count || a.row - b.row || a.column - b.column);
  const chosen = new Set<number>();
  for (const { row, column } of pairs) {
    const both = [row, column].filter((index) => !chosen.has(index));
    if (chosen.size + both.length > most) break;
    for (const index of both) chosen.add(index);
  }
  for (let index = 0; chosen.size < most; index++) chosen.add(index);
  const kept = [...chosen].sort((a, b) => a - b);
  const places = new Map(kept.map((index, place) => [index, place]));
  const matrix = Array.from({ length: most + 1 }, () => new Array<number>(most + 1).fill(0));
  for (const [row, line] of confusionMatrix.entries()) {
    const to = matrix[places.get(row) ?? most] as number[];
    for (const [column, count] of line.entries()) {
      const place = places.get(column) ?? most;
      to[place] = (to[place] as number) + count;
    }
  }
  const others = labels.length - most;
  return {
    labels: [...kept.map((index) => labels[index] as string), others === 1 ? "1 other" : `${others} others`],
    confusionMatrix: matrix,
    others,
  };
}
