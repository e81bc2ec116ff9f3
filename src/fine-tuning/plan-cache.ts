import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import { hasFolders } from "./cache-folder.node.js";
import type { ModelParts } from "./model-parts.js";
import type { PictureRows, StillPictures } from "./picture-rows.js";
import { isLateSplit, type SplitNetwork, splitNetwork } from "./split-network.js";
import type { TransferFitOptions } from "./transfer-model-options.js";

/** What is to be computed once, of which pictures. */
export interface CachePlan {
  readonly split: SplitNetwork;
  readonly train: StillPictures;
  readonly validation: StillPictures | undefined;
}

/**
 * Decides whether the frozen part's values are computed once, as {@link TransferFitOptions.cache} says.
 *
 * @throws InvalidArgumentError if `cache` is `true` or a folder, and it cannot be; or if it is something else
 */
export function planCache(
  { network, trained, pictures }: ModelParts,
  rows: { readonly train: PictureRows; readonly validation: PictureRows | undefined },
  options: Pick<TransferFitOptions, "cache" | "epochs" | "sampleWeight" | "targetColumn">,
): CachePlan | undefined {
  const { cache, epochs = 10, sampleWeight, targetColumn } = options;
  if (cache !== undefined && typeof cache !== "boolean" && (typeof cache !== "string" || cache === "")) {
    throw new InvalidArgumentError(
      `\`cache\` is ${describeValue(cache)}: expected true, false, or the path of a folder.`,
    );
  }
  if (cache === false) return undefined;
  const cannot = (why: string): undefined => {
    if (cache !== true) return undefined;
    throw new InvalidArgumentError(
      `\`cache\` is true, but what the frozen part of the network gives cannot be kept: ${why}.`,
    );
  };
  if (!hasFolders) return cannot("a browser has no folder for it");
  const { train, validation } = { train: rows.train.still, validation: rows.validation?.still };
  if (typeof train === "string") return cannot(`of \`train\`, ${train}`);
  if (typeof validation === "string") return cannot(`of \`validation\`, ${validation}`);
  const needed = sampleWeight === undefined ? targetColumn && "targetColumn" : "sampleWeight";
  if (needed !== undefined && [train, validation].some((still) => still && still.readColumns === undefined)) {
    return cannot(`\`${needed}\` names a column of the pictures' own file`);
  }
  const names = new Set(trained);
  const split = splitNetwork(network, (layer) => !names.has(layer));
  if (split === undefined) return cannot("no part of it is frozen on which all that is trained depends by one layer");
  if (cache === undefined && (epochs < 2 || !isLateSplit(split, pictures.size))) return undefined;
  return { split, train, validation };
}
