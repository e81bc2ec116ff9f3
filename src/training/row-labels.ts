import { InvalidArgumentError, ShapeMismatchError } from "../errors.js";
import { type NdArray, sizeOf } from "../ndarray.js";
import { describeValue } from "../options/check-option.js";
import type { RowLabels, Target } from "./target.js";
import { checkClass, type TrainingBatch } from "./training-data.js";

/**
 * Takes the labels out of a batch, each checked to be one that the task has.
 *
 * @param first number of the batch's first row in its pass, for messages
 * @param targetColumn the column with the numbers to be met, instead of `ys`
 * @throws ShapeMismatchError if their shape is not that of the task
 * @throws InvalidArgumentError for a label that the task has not, or if there is no such column
 */
export function checkLabels(
  name: string,
  batch: TrainingBatch,
  target: Target,
  first: number,
  targetColumn?: string | undefined,
): { readonly count: number; readonly labels: RowLabels } {
  const { task = "classification", classLabels } = target;
  const ys = targetColumn === undefined ? batch.ys : columnOf(name, batch, targetColumn);
  const [count = 0] = ys.shape;
  const outputs = classLabels.length;
  const one = task === "classification" || outputs === 1;
  const fits =
    (one && ys.shape.length === 1) || (task !== "classification" && ys.shape.join() === `${count},${outputs}`);
  if (!(fits || count === 0) || ys.data.length !== sizeOf(ys.shape)) {
    const expected = one ? [count] : [count, outputs];
    throw new ShapeMismatchError(
      `A batch of \`${name}\` has labels of shape [${ys.shape.join(", ")}] in \`${targetColumn ?? "ys"}\`: ${wanted(task)}, [${expected.join(", ")}]. ${advice(task)}`,
      { expected: expected.map((size, axis) => (axis === 0 ? (ys.shape[0] ?? null) : size)), received: ys.shape },
    );
  }
  if (task === "classification") {
    const labels = Int32Array.from(ys.data, Number);
    for (let row = 0; row < count; row++) checkClass(Number(ys.data[row]), first + row, name, target);
    return { count, labels };
  }
  const labels = Float64Array.from(ys.data, Number);
  const wrong = labels.findIndex((value) =>
    task === "multi-label" ? value !== 0 && value !== 1 : !Number.isFinite(Math.fround(value)),
  );
  if (wrong !== -1) {
    throw new InvalidArgumentError(
      `Row ${first + Math.floor(wrong / outputs)} of a pass over \`${name}\` has ${labels[wrong]} as label ${wrong % outputs}: expected ${task === "multi-label" ? "1 for a label that it has, 0 for one that it has not" : "a number that is finite as float32"}.`,
    );
  }
  return { count, labels };
}

/** @throws InvalidArgumentError if a column was named for a task that takes classes */
export function checkTargetColumn(targetColumn: string | undefined, { task = "classification" }: Target): void {
  if (targetColumn === undefined || task !== "classification") return;
  throw new InvalidArgumentError(
    '`targetColumn` was given for a classification, which learns the classes of rows: expected `task: "multi-label"` or `task: "regression"`.',
  );
}

function wanted(task: Target["task"]): string {
  if (task === "multi-label") return "this network learns several labels for each row, each 0 or 1";
  if (task === "regression") return "this network learns numbers";
  return "this network learns one class for each row";
}

function advice(task: Target["task"]): string {
  return task === "classification"
    ? 'Name a dataset with one class for each row as `labelKey`, or make the head with `task: "multi-label"`.'
    : "Make the head with as many names of outputs as there are labels for each row.";
}

function columnOf(name: string, { columns }: TrainingBatch, key: string): NdArray {
  const column = columns?.[key];
  if (column === undefined) {
    throw new InvalidArgumentError(
      `The batches of \`${name}\` have no column ${describeValue(key)}, but \`targetColumn\` names it. Open the file with \`columns: ["${key}"]\`; pictures get theirs by \`images.withColumns({ ${JSON.stringify(key)}: ... })\`.`,
    );
  }
  if (column.dtype === "string") {
    throw new InvalidArgumentError(`Column "${key}" of \`${name}\` holds texts: expected numbers to be met.`);
  }
  return column;
}
