import { InvalidDatasetError } from "../errors.js";
import type { Shape } from "../ndarray.js";
import type { HDF5DType, HDF5File } from "./engine.js";

/** A dataset of a file, by its path. */
export interface FoundDataset {
  readonly path: string;
  readonly shape: Shape;
  readonly dtype: HDF5DType;
}

/** The datasets of a file that make a data set. */
export interface DatasetKeys {
  readonly data: FoundDataset;
  /** One label for each row, or several. */
  readonly labels: FoundDataset | undefined;
  /** The further columns asked for, in their order. */
  readonly columns: readonly FoundDataset[];
  /** All but the rows that are in the same group as these. */
  readonly others: readonly FoundDataset[];
  readonly labelNames: FoundDataset | undefined;
  readonly fileNames: FoundDataset | undefined;
}

/** How the datasets are to be found. `null` for `labelKey`: there are none. */
export interface KeyOptions {
  readonly dataKey?: string | undefined;
  readonly labelKey?: string | null | undefined;
  readonly columns?: readonly string[] | undefined;
}

const greatestCount = 200;
/** Groups may lead to themselves under many names, so what is visited has a limit too. */
const greatestVisits = 1000;
const greatestDepth = 7;

/**
 * Finds rows, labels and names in a file: by the keys given, else by their usual names, else by their form where only
 * one dataset has it.
 *
 * @throws InvalidDatasetError listing what there is if none or several could be meant
 */
export async function findDatasets(file: HDF5File, name: string, options: KeyOptions): Promise<DatasetKeys> {
  const all = await listDatasets(file);
  const shown =
    all.map((found) => `"${found.path}" ${found.dtype} [${found.shape.join(", ")}]`).join(", ") || "nothing";
  const isColumn = ({ shape }: FoundDataset) => shape.length === 1 || (shape.length === 2 && shape[1] === 1);
  const isNumber = (found: FoundDataset) => found.dtype !== "string" && found.dtype !== "other";
  const at = (key: string, option: string) => {
    const path = key.replace(/^\/+/, "");
    const found = all.find((candidate) => candidate.path === path);
    if (found) return found;
    throw new InvalidDatasetError(
      name,
      `"${name}" has no dataset "${key}", which \`${option}\` names. It has: ${shown}.${option === "columns" ? " If it has not been closed, its columns are still in the journal beside it." : ""}`,
    );
  };
  const byKey = (key: string, option: string) => {
    const found = at(key, option);
    if (!isNumber(found))
      throw new InvalidDatasetError(name, `"${key}" in "${name}" holds ${found.dtype} values, not numbers.`);
    return found;
  };

  let data: FoundDataset | undefined;
  if (options.dataKey !== undefined) {
    data = byKey(options.dataKey, "dataKey");
  } else {
    const usual = all.filter((found) => ["features", "images"].includes(found.path) && isNumber(found));
    const tables = all.filter((found) => isNumber(found) && found.shape.length >= 2);
    // A single column is more likely to be the labels of a wider one.
    const wide = tables.filter((found) => !isColumn(found));
    const candidates = usual.length > 0 ? usual : wide.length > 0 ? wide : tables;
    if (candidates.length !== 1) {
      throw new InvalidDatasetError(
        name,
        `Which dataset of "${name}" holds the rows is not clear. Name it with \`dataKey\`. The file has: ${shown}.`,
      );
    }
    data = candidates[0] as FoundDataset;
  }
  if (data.shape.length < 2) {
    throw new InvalidDatasetError(
      name,
      `"${data.path}" in "${name}" has shape [${data.shape.join(", ")}]; rows need at least two axes. The file has: ${shown}.`,
    );
  }
  const rows = data.shape[0] as number;
  const folder = data.path.slice(0, data.path.lastIndexOf("/") + 1);
  const others = all.filter((found) => found !== data && found.path.startsWith(folder));

  let labels: FoundDataset | undefined;
  if (options.labelKey !== null) {
    if (options.labelKey !== undefined) {
      labels = byKey(options.labelKey, "labelKey");
    } else {
      const candidates = others.filter((found) => isNumber(found) && isColumn(found) && found.shape[0] === rows);
      labels = others.find((found) => found.path === `${folder}labels` && isNumber(found));
      if (!labels && candidates.length === 1) labels = candidates[0];
      if (!labels) {
        throw new InvalidDatasetError(
          name,
          `${candidates.length > 1 ? "Several datasets" : "No dataset"} of "${name}" could be the labels of the ${rows} rows of "${data.path}". Name it with \`labelKey\`, or pass \`labelKey: null\` if there are none. The file has: ${shown}.`,
        );
      }
    }
    if (labels.shape[0] !== rows) {
      throw new InvalidDatasetError(
        name,
        `"${labels.path}" in "${name}" has shape [${labels.shape.join(", ")}], but "${data.path}" has ${rows} rows: a label for each row was expected. The file may not have been closed.`,
      );
    }
  }

  const columns = (options.columns ?? []).map((key) => {
    const found = at(key, "columns");
    if (found.dtype === "other") {
      throw new InvalidDatasetError(
        name,
        `"${key}" in "${name}", which \`columns\` names, holds neither numbers nor texts. Convert it with h5py.`,
      );
    }
    if (found.shape[0] !== rows) {
      throw new InvalidDatasetError(
        name,
        `"${key}" in "${name}", which \`columns\` names, has shape [${found.shape.join(", ")}], but "${data.path}" has ${rows} rows: values for each row were expected.`,
      );
    }
    return found;
  });

  const strings = others.filter((found) => found.dtype === "string" && found.shape.length === 1);
  const single = (found: readonly FoundDataset[]) => (found.length === 1 ? found[0] : undefined);
  const fileNames =
    strings.find((found) => found.path === `${folder}file_names` && found.shape[0] === rows) ??
    single(strings.filter((found) => found.shape[0] === rows && found.path !== `${folder}label_names`));
  const labelNames =
    strings.find((found) => found.path === `${folder}label_names`) ??
    single(strings.filter((found) => found !== fileNames && found.shape[0] !== rows));
  return { data, labels, columns, others, labelNames, fileNames };
}

async function listDatasets(file: HDF5File): Promise<readonly FoundDataset[]> {
  const found: FoundDataset[] = [];
  let visits = 0;
  async function visit(path: string, depth: number): Promise<void> {
    for (const member of await file.list(path || "/")) {
      if (found.length >= greatestCount || ++visits > greatestVisits) return;
      const full = path ? `${path}/${member}` : member;
      const entry = await file.stat(full);
      if (entry?.kind === "dataset") found.push({ path: full, shape: entry.shape, dtype: entry.dtype });
      else if (entry?.kind === "group" && depth < greatestDepth) await visit(full, depth + 1);
    }
  }
  await visit("", 1);
  return found;
}
