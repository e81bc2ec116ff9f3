import type { ActivationConfigs } from "./layers/activation.js";
import type { AugmentationConfigs } from "./layers/augmentation.js";
import type { ConvolutionConfigs } from "./layers/convolution.js";
import type { DenseConfigs } from "./layers/dense.js";
import type { InputConfigs } from "./layers/input.js";
import type { MergingConfigs } from "./layers/merging.js";
import type { NormalizationConfigs } from "./layers/normalization.js";
import type { PoolingConfigs } from "./layers/pooling.js";
import type { RegularizationConfigs } from "./layers/regularization.js";
import type { ResizingConfigs } from "./layers/resizing.js";
import type { ShapeConfigs } from "./layers/shape.js";
import type { TransposedConvolutionConfigs } from "./layers/transposed-convolution.js";

export type { Activation } from "./activation.js";

/** Zero padding of a window operation: `valid` pads nothing, `same` pads as TensorFlow does (more below and right). */
export type Padding = "valid" | "same";

/** `[height, width]` of a window, a stride or a dilation; of a padding or cropping `[before, after]`. */
export type Size2D = readonly [number, number];

/**
 * The kinds of layer and their settings. Names, defaults and meaning are those of Keras with
 * `data_format="channels_last"`, in camel case; nothing is optional, so that nobody has to know a default.
 */
export interface LayerConfigs
  extends InputConfigs,
    ConvolutionConfigs,
    TransposedConvolutionConfigs,
    DenseConfigs,
    NormalizationConfigs,
    ActivationConfigs,
    PoolingConfigs,
    ResizingConfigs,
    MergingConfigs,
    ShapeConfigs,
    RegularizationConfigs,
    AugmentationConfigs {}

/** Kind of a layer: Keras's class name. */
export type LayerClassName = keyof LayerConfigs;

/**
 * One layer, applied once. `inputs` names the layers whose outputs it takes, in order. A layer that Keras applies more
 * than once is one entry per application, of which the later ones name the first in `weightsOf`.
 */
export type Layer<C extends LayerClassName = LayerClassName> = C extends LayerClassName
  ? {
      readonly className: C;
      /** Unique in the network. */
      readonly name: string;
      readonly inputs: readonly string[];
      readonly config: LayerConfigs[C];
      readonly weightsOf?: string;
    }
  : never;
