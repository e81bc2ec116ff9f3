import { InvalidArgumentError } from "../errors.js";
import { writeFileAtomically } from "../files/atomic-file.node.js";
import { checkBoolean, describeValue } from "../options/check-option.js";
import { checkOptions, type OptionNames } from "../options/check-options.js";
import {
  type EncodeModelOptions,
  encodeKerasModel,
  encodeModelOptionNames,
  type WritableNetwork,
} from "./write-model.js";

/** Options of {@link saveKeras}. */
export interface SaveKerasOptions extends Omit<EncodeModelOptions, "format"> {
  /** Whether a file that is there is replaced. Default true. */
  readonly overwrite?: boolean | undefined;
}

const { format: _, ...ownEncodeModelOptionNames } = encodeModelOptionNames;

/** Names of {@link SaveKerasOptions}. */
export const saveKerasOptionNames: OptionNames<SaveKerasOptions> = { ...ownEncodeModelOptionNames, overwrite: true };

/**
 * Saves a network as a Keras model, which `keras.models.load_model` of Keras 2 and 3 opens with equal predictions: `.h5` or
 * `.hdf5` for the legacy format, `.keras` for the one that Keras 3 recommends.
 *
 * Of a network from {@link loadKeras} its class labels, its metadata and how it was compiled are saved too; an option goes
 * before. Keras finds a compiled model, whose `fit` goes on (the optimizer begins anew). Class labels are where `loadKeras`
 * finds them again; Keras does not look there.
 *
 * The file is replaced in one step: after a crash or on a full disk the old one is still there. In a browser, which has no
 * paths, take `encodeKerasModel`.
 *
 * @throws InvalidArgumentError if the path ends in none of these
 * @throws UnsupportedError for a layer that Keras has no class for
 * @throws InvalidNetworkError if the network is not valid
 * @throws FileAccessError if the file cannot be written, or exists and `overwrite` is false
 *
 * @example
 * await saveKeras(await loadKeras("old.h5"), "new.keras");
 */
export async function saveKeras(network: WritableNetwork, path: string, options: SaveKerasOptions = {}): Promise<void> {
  checkOptions("saveKeras", options, saveKerasOptionNames);
  const { overwrite = true, ...rest } = options;
  checkBoolean("overwrite", overwrite);
  const bytes = await encodeKerasModel(network, { ...rest, format: formatOf(path) });
  await writeFileAtomically(path, bytes, { overwrite });
}

function formatOf(path: string): "h5" | "keras" {
  if (typeof path === "string" && /\.weights\.h5$/i.test(path)) {
    throw new InvalidArgumentError(
      `\`path\` is "${path}": Keras takes files of that name for weights without a model. Name it .h5 or .keras.`,
    );
  }
  if (typeof path === "string" && /\.(h5|hdf5)$/i.test(path)) return "h5";
  if (typeof path === "string" && /\.keras$/i.test(path)) return "keras";
  throw new InvalidArgumentError(
    `\`path\` is ${describeValue(path)}: expected a name that ends in .h5, .hdf5 or .keras, by which Keras tells the formats apart.`,
  );
}
