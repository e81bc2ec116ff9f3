import { UnsupportedError } from "../../errors.js";
import type { GradientBackend } from "../gradient-backend.js";
import type { QuantizingBackend } from "../quantizing-backend.js";
import type { TrainableBackend } from "../trainable-backend.js";
import type { OnnxOptions } from "./onnx.node.js";

export type { OnnxOptions };

/**
 * The backend `onnx` does not exist in browsers: the package `onnxruntime-node` is native code.
 *
 * @throws UnsupportedError always
 */
export function onnx(_options: OnnxOptions = {}): QuantizingBackend & TrainableBackend & GradientBackend {
  throw new UnsupportedError(
    'The backend "onnx" runs in Node only. In a browser, use a backend of TensorFlow.js, such as "tfjs-wasm", ' +
      "or write the network with `toOnnx` and run the file with onnxruntime-web.",
  );
}
