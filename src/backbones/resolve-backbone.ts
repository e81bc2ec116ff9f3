import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import type { Backbone } from "./backbone.js";
import { mobilenet } from "./mobilenet.js";
import { squeezenet } from "./squeezenet.js";
import { vgg16, vgg19 } from "./vgg.js";
import { vggMini } from "./vgg-mini.js";

/** Names of the backbones that come with the library. `mobilenet` is the one of full width (alpha 1). */
export type BackboneName = "vgg16" | "vgg19" | "squeezenet" | "mobilenet" | "vgg-mini";

const backbones: Readonly<Record<BackboneName, () => Backbone>> = {
  vgg16: () => vgg16,
  vgg19: () => vgg19,
  squeezenet: () => squeezenet,
  mobilenet: () => mobilenet(),
  "vgg-mini": () => vggMini,
};

/**
 * The backbone of a name; a backbone is given back as it is.
 *
 * @throws InvalidArgumentError for a name that there is none of, or anything else
 */
export function resolveBackbone(backbone: BackboneName | Backbone): Backbone {
  const isOwn = typeof backbone === "object" && backbone !== null && typeof backbone.topology === "function";
  if (isOwn) return backbone;
  if (typeof backbone !== "string" || !Object.hasOwn(backbones, backbone)) {
    const names = Object.keys(backbones).map((name) => `"${name}"`);
    throw new InvalidArgumentError(
      `\`backbone\` is ${describeValue(backbone)}: expected ${names.join(", ")} or a Backbone.`,
    );
  }
  return backbones[backbone]();
}
