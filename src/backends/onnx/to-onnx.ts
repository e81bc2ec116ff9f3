import { checkNetwork } from "../../network/check-network.js";
import type { Network } from "../../network/network.js";
import { checkOptions } from "../../options/check-options.js";
import { encodeModel } from "./encode-model.js";
import { lower } from "./lower.js";

/** What a network is to become as ONNX. */
export interface ToOnnxOptions {
  /** Layers whose values the model returns, in this order. Default: the network's own outputs. */
  readonly outputs?: readonly string[] | undefined;
}

/**
 * Writes a network as an ONNX model (opset 17) for ONNX Runtime or any other runtime. Inputs and outputs keep Keras's
 * names and order of axes `[batch, height, width, channels]`, with any batch size.
 *
 * @returns the bytes of an `.onnx` file
 * @throws InvalidArgumentError if `outputs` names a layer twice or one that the network does not have
 * @throws InvalidNetworkError if a layer's input or weights are missing
 * @throws UnsupportedError if a layer cannot be written as ONNX, or the model would be larger than 2 GiB
 *
 * @example
 * await writeFile("vgg16.onnx", toOnnx(network, { outputs: ["block5_pool"] }));
 */
export function toOnnx(network: Network, options: ToOnnxOptions = {}): Uint8Array<ArrayBuffer> {
  checkNetwork("network", network);
  checkOptions("toOnnx", options, { outputs: true });
  return encodeModel(lower(network, options.outputs ?? network.outputs));
}
