import { InvalidArgumentError } from "../errors.js";
import { overlayHeatmap } from "../explain/overlay-heatmap.js";
import type { ImageInput } from "../images/image-source.js";
import { type NdArray, sizeOf } from "../ndarray.js";
import type { Evaluation } from "../training/evaluate.js";
import { thumbnail } from "./thumbnail.js";

/** Where a classifier looked at one picture. */
export interface Explanation {
  /** Name of the picture. */
  readonly name: string;
  readonly trueLabel: string;
  readonly predictedLabel: string;
  /** Of the predicted class. */
  readonly probability: number;
  /** The picture as the network sees it, as `thumbnail` gives it. */
  readonly dataURI: string;
  /** For the predicted class, and of a mistake also for the true one: the picture with its heat map. */
  readonly heatmaps: readonly { readonly label: string; readonly dataURI: string }[];
}

/** What {@link writeReport} asks where a classifier looks: Grad-CAM for a class of each picture. */
export type ExplainPictures = (
  pictures: readonly ImageInput[],
  classIndex: readonly number[],
) => Promise<{
  /** `[batch, height, width, 3]`, uint8, RGB: as the network sees them. */
  readonly images: NdArray<"uint8">;
  /** `[batch, rows, columns]`, in 0..1. */
  readonly heatmaps: NdArray<"float32">;
}>;

/** A row whose picture is to be explained. */
export interface ExplainedRow {
  readonly row: number;
  readonly name: string;
}

/** Mistakes that are explained, at most; and so many pictures that were recognised, each of another class. */
const explainedMistakes = 8;
const explainedHits = 8;

/** The surest mistakes, and of each class the surest row that is right, the first classes first. */
export function explainedRows(
  { predictions }: Evaluation,
  nameOf: (row: number) => string | undefined,
): readonly ExplainedRow[] {
  const { trueClasses, predictedClasses, probabilities } = predictions;
  const [rows = 0, classes = 0] = probabilities.shape;
  const sure = (row: number) => probabilities.data[row * classes + (predictedClasses[row] as number)] as number;
  const order = Array.from({ length: rows }, (_, row) => row).sort((a, b) => sure(b) - sure(a) || a - b);
  const isRight = (row: number) => trueClasses[row] === predictedClasses[row];
  const hits = new Map<number, number>();
  for (const row of order) {
    const label = trueClasses[row] as number;
    if (isRight(row) && !hits.has(label)) hits.set(label, row);
  }
  const chosen = [
    ...order.filter((row) => !isRight(row)).slice(0, explainedMistakes),
    ...[...hits]
      .sort(([a], [b]) => a - b)
      .slice(0, explainedHits)
      .map(([, row]) => row),
  ];
  return chosen.flatMap((row) => {
    const name = nameOf(row);
    return name === undefined ? [] : [{ row, name }];
  });
}

/** Explains rows whose pictures are given. */
export async function explain(
  { predictions, perClass }: Evaluation,
  rows: readonly (ExplainedRow & { readonly image: ImageInput })[],
  ask: ExplainPictures,
  size: number | undefined,
): Promise<readonly Explanation[]> {
  const { trueClasses, predictedClasses, probabilities } = predictions;
  const [, classes = 0] = probabilities.shape;
  const asked = rows.flatMap(({ row, image }) =>
    [...new Set([predictedClasses[row] as number, trueClasses[row] as number])].map((label) => ({ row, image, label })),
  );
  if (asked.length === 0) return [];
  const answer = await ask(
    asked.map(({ image }) => image),
    asked.map(({ label }) => label),
  );
  checkAnswer(answer, asked.length);
  const labelOf = (index: number) => perClass[index]?.label ?? "";
  return Promise.all(
    rows.map(async ({ row, name }) => {
      const own = [...asked.entries()].filter(([, question]) => question.row === row);
      const heatmaps = own.map(async ([at, { label }]) => ({
        label: labelOf(label),
        dataURI: await thumbnail(overlayHeatmap(slice(answer.images, at), slice(answer.heatmaps, at)), { size }),
      }));
      const predicted = predictedClasses[row] as number;
      return {
        name,
        trueLabel: labelOf(trueClasses[row] as number),
        predictedLabel: labelOf(predicted),
        probability: probabilities.data[row * classes + predicted] as number,
        dataURI: await thumbnail(slice(answer.images, own[0]?.[0] ?? 0), { size }),
        heatmaps: await Promise.all(heatmaps),
      };
    }),
  );
}

function checkAnswer(answer: Awaited<ReturnType<ExplainPictures>>, count: number): void {
  const [images, heatmaps] = [answer.images?.shape?.[0], answer.heatmaps?.shape?.[0]];
  if (images === count && heatmaps === count) return;
  throw new InvalidArgumentError(
    `\`gradCam\` of the report was asked about ${count} pictures, and gave ${images ?? "no"} pictures with ${heatmaps ?? "no"} heat maps: expected one of each for every picture, as \`model.gradCam(pictures, { classIndex })\` gives them.`,
  );
}

/** One row of an array, without the axis of rows. */
function slice<T extends NdArray>(array: T, row: number): T {
  const shape = array.shape.slice(1);
  const width = sizeOf(shape);
  return { ...array, shape, data: array.data.subarray(row * width, (row + 1) * width) };
}
