import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import type { Backbone } from "./backbone.js";
import { densenet121, densenet169, densenet201 } from "./densenet.js";
import { inceptionV3 } from "./inception-v3.js";
import { mobilenet } from "./mobilenet.js";
import { mobilenetV2 } from "./mobilenet-v2.js";
import { resnet50, resnet101, resnet152 } from "./resnet.js";
import { resnet50V2, resnet101V2, resnet152V2 } from "./resnet-v2.js";
import { squeezenet } from "./squeezenet.js";
import { vgg16, vgg19 } from "./vgg.js";
import { vggMini } from "./vgg-mini.js";

/**
 * Names of the backbones that come with the library: those of `keras.applications` in lower case, SqueezeNet, and our own
 * `vgg-mini`. MobileNets are those of full width (alpha 1).
 */
export type BackboneName =
  | "vgg-mini"
  | "vgg16"
  | "vgg19"
  | "squeezenet"
  | "mobilenet"
  | "mobilenetv2"
  | "resnet50"
  | "resnet101"
  | "resnet152"
  | "resnet50v2"
  | "resnet101v2"
  | "resnet152v2"
  | "inceptionv3"
  | "densenet121"
  | "densenet169"
  | "densenet201";

const backbones: Readonly<Record<BackboneName, () => Backbone>> = {
  "vgg-mini": () => vggMini,
  vgg16: () => vgg16,
  vgg19: () => vgg19,
  squeezenet: () => squeezenet,
  mobilenet: () => mobilenet(),
  mobilenetv2: () => mobilenetV2(),
  resnet50: () => resnet50,
  resnet101: () => resnet101,
  resnet152: () => resnet152,
  resnet50v2: () => resnet50V2,
  resnet101v2: () => resnet101V2,
  resnet152v2: () => resnet152V2,
  inceptionv3: () => inceptionV3,
  densenet121: () => densenet121,
  densenet169: () => densenet169,
  densenet201: () => densenet201,
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
