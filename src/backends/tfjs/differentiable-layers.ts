import type { Layer } from "../../network/layer.js";
import type { TfjsRuntime } from "./runtime.js";

/** Why a layer is not differentiated, and what does it rightly. */
export interface GradientFault {
  readonly fault: string;
  /** Backends of tfjs that can; undefined if none can. */
  readonly instead: string | undefined;
}

/**
 * Finds layers whose value tfjs computes as Keras does, but whose gradient it takes in another way without saying so.
 * Undefined if the gradient is right, or tfjs itself refuses.
 */
export function gradientFault({ backend }: TfjsRuntime, layer: Layer): GradientFault | undefined {
  switch (layer.className) {
    case "UpSampling2D":
    case "Resizing":
      return { fault: "has a gradient in tfjs that takes the pixels' centres to be elsewhere", instead: undefined };
    case "GlobalMaxPooling1D":
    case "GlobalMaxPooling2D":
      return { fault: "has a gradient in tfjs that counts equal values several times", instead: undefined };
    case "AveragePooling1D":
    case "AveragePooling2D":
      if (layer.config.padding === "valid" || backend === "tensorflow") return undefined;
      return { fault: "has a gradient here that counts the padding too", instead: "tfjsNode()" };
    case "MaxPooling1D":
    case "MaxPooling2D":
      if (backend !== "wasm") return undefined;
      return { fault: "has a gradient here that goes to the wrong pixels", instead: "tfjsNode() or tfjsCpu()" };
    default:
      return undefined;
  }
}
