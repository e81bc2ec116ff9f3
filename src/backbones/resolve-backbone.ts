import { InvalidArgumentError } from "../errors.js";
import { describeValue } from "../options/check-option.js";
import type { Backbone } from "./backbone.js";
import { convnextBase, convnextSmall, convnextTiny } from "./convnext.js";
import { densenet121, densenet169, densenet201 } from "./densenet.js";
import {
  efficientnetB0,
  efficientnetB1,
  efficientnetB2,
  efficientnetB3,
  efficientnetB4,
  efficientnetB5,
  efficientnetB6,
  efficientnetB7,
} from "./efficientnet.js";
import {
  efficientnetV2B0,
  efficientnetV2B1,
  efficientnetV2B2,
  efficientnetV2B3,
  efficientnetV2L,
  efficientnetV2M,
  efficientnetV2S,
} from "./efficientnet-v2.js";
import { inceptionResNetV2 } from "./inception-resnet-v2.js";
import { inceptionV3 } from "./inception-v3.js";
import { mobilenet } from "./mobilenet.js";
import { mobilenetV2 } from "./mobilenet-v2.js";
import { mobilenetV3Large, mobilenetV3Small } from "./mobilenet-v3.js";
import { nasnetMobile } from "./nasnet.js";
import { resnet50, resnet101, resnet152 } from "./resnet.js";
import { resnet50V2, resnet101V2, resnet152V2 } from "./resnet-v2.js";
import { squeezenet } from "./squeezenet.js";
import { vgg16, vgg19 } from "./vgg.js";
import { vggMini } from "./vgg-mini.js";
import { xception } from "./xception.js";

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
  | "densenet201"
  | "xception"
  | "inceptionresnetv2"
  | "mobilenetv3small"
  | "mobilenetv3large"
  | "efficientnetb0"
  | "efficientnetb1"
  | "efficientnetb2"
  | "efficientnetb3"
  | "efficientnetb4"
  | "efficientnetb5"
  | "efficientnetb6"
  | "efficientnetb7"
  | "efficientnetv2b0"
  | "efficientnetv2b1"
  | "efficientnetv2b2"
  | "efficientnetv2b3"
  | "efficientnetv2s"
  | "efficientnetv2m"
  | "efficientnetv2l"
  | "nasnetmobile"
  | "convnexttiny"
  | "convnextsmall"
  | "convnextbase";

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
  xception: () => xception,
  inceptionresnetv2: () => inceptionResNetV2,
  mobilenetv3small: () => mobilenetV3Small(),
  mobilenetv3large: () => mobilenetV3Large(),
  efficientnetb0: () => efficientnetB0,
  efficientnetb1: () => efficientnetB1,
  efficientnetb2: () => efficientnetB2,
  efficientnetb3: () => efficientnetB3,
  efficientnetb4: () => efficientnetB4,
  efficientnetb5: () => efficientnetB5,
  efficientnetb6: () => efficientnetB6,
  efficientnetb7: () => efficientnetB7,
  efficientnetv2b0: () => efficientnetV2B0,
  efficientnetv2b1: () => efficientnetV2B1,
  efficientnetv2b2: () => efficientnetV2B2,
  efficientnetv2b3: () => efficientnetV2B3,
  efficientnetv2s: () => efficientnetV2S,
  efficientnetv2m: () => efficientnetV2M,
  efficientnetv2l: () => efficientnetV2L,
  nasnetmobile: () => nasnetMobile,
  convnexttiny: () => convnextTiny,
  convnextsmall: () => convnextSmall,
  convnextbase: () => convnextBase,
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
