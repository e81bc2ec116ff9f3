import { FileAccessError, InvalidArgumentError } from "../errors.js";
import { writeFileAtomically } from "../files/atomic-file.node.js";
import { readTextIfThere } from "../files/existing-file.node.js";
import { describeValue } from "../options/check-option.js";
import type { FitState } from "./fit-plan.js";
import type { EpochLog } from "./history.js";

/** Where the figures of all epochs are kept. */
export interface HistoryFileOptions {
  /**
   * A JSON file, replaced in one step after every epoch: an object with a list for each figure, by Keras's names, as
   * `history.history` has it: `{ "loss": [...], "accuracy": [...], "val_loss": [...], "learning_rate": [...] }`.
   */
  readonly path: string;
  /**
   * How many epochs of a file that is there already are kept; those of this call follow them. The originals' `startAt`.
   * @default those that the network has behind it: 0 for a new one
   */
  readonly startAt?: number | undefined;
}

/** A history file under way. */
export interface HistoryFile {
  /** Writes the epochs of this call behind those that are kept. */
  write(history: readonly EpochLog[]): Promise<void>;
}

type Columns = Readonly<Record<string, readonly (number | null)[]>>;

const names: ReadonlyMap<Exclude<keyof EpochLog, "epoch">, string> = new Map([
  ["loss", "loss"],
  ["accuracy", "accuracy"],
  ["meanAbsoluteError", "mean_absolute_error"],
  ["valLoss", "val_loss"],
  ["valAccuracy", "val_accuracy"],
  ["valMeanAbsoluteError", "val_mean_absolute_error"],
  ["learningRate", "learning_rate"],
]);

/**
 * Reads what is to be kept of a history file, before anything is trained.
 *
 * @throws InvalidArgumentError if the file has fewer epochs than are to be kept, or is no history
 * @throws FileAccessError if it cannot be read
 */
export async function openHistoryFile(options: HistoryFileOptions, { epochsBefore }: FitState): Promise<HistoryFile> {
  const { path, startAt = epochsBefore } = options;
  if (typeof path !== "string" || path === "") {
    throw new InvalidArgumentError(`\`history.path\` is ${describeValue(path)}: expected the path of a JSON file.`);
  }
  if (!Number.isSafeInteger(startAt) || startAt < 0) {
    throw new InvalidArgumentError(
      `\`history.startAt\` is ${describeValue(startAt)}: expected a number of epochs, 0 or more.`,
    );
  }
  const kept = startAt === 0 ? {} : await readKept(path, startAt);
  return {
    write: async (history) => {
      const own = history.filter(({ epoch }) => epoch > epochsBefore);
      const columns = joinColumns(kept, own, startAt);
      await writeFileAtomically(path, new TextEncoder().encode(`${JSON.stringify(columns)}\n`), { overwrite: true });
    },
  };
}

async function readKept(path: string, startAt: number): Promise<Columns> {
  const text = await readTextIfThere(path);
  if (text === undefined) {
    throw new FileAccessError(
      `Cannot keep ${startAt} epochs of "${path}" (\`history.startAt\`): there is no such file. Give the path of the earlier training's history, or \`startAt: 0\`.`,
      { path, reason: "missing" },
    );
  }
  const columns = parseColumns(text);
  if (columns === undefined) {
    throw new InvalidArgumentError(
      `"${path}" is no history: expected a JSON object of lists of numbers, all of the same length. Give another path, or remove the file.`,
    );
  }
  const epochs = Object.values(columns)[0]?.length ?? 0;
  if (epochs < startAt) {
    throw new InvalidArgumentError(
      `"${path}" has ${epochs} epochs, but \`history.startAt\` keeps ${startAt}: expected at most as many as it has.`,
    );
  }
  return Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values.slice(0, startAt)]));
}

function parseColumns(text: string): Columns | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
  const lists: readonly unknown[] = Object.values(parsed);
  const isFigure = (value: unknown) => typeof value === "number" || value === null;
  const fits = lists.every((list) => Array.isArray(list) && list.every(isFigure));
  if (!fits || new Set((lists as readonly unknown[][]).map(({ length }) => length)).size > 1) return undefined;
  return parsed as Columns;
}

/** Each figure as a list over all epochs: null where an epoch has none of this name, or one that JSON cannot hold. */
function joinColumns(kept: Columns, logs: readonly EpochLog[], startAt: number): Columns {
  const used = [...names].filter(([key]) => logs.some((log) => log[key] !== undefined));
  const all = new Set([...Object.keys(kept), ...used.map(([, name]) => name)]);
  const keyOf = new Map([...names].map(([key, name]) => [name, key]));
  return Object.fromEntries(
    [...all].map((name) => {
      const key = keyOf.get(name);
      const before = kept[name] ?? new Array<null>(startAt).fill(null);
      return [name, [...before, ...logs.map((log) => (key === undefined ? null : (log[key] ?? null)))]];
    }),
  );
}
