import { UnsupportedError } from "../../errors.js";
import type { Padding, Size2D } from "../../network/layer.js";
import type { Attribute } from "./graph.js";

/** A window that moves over height and width. */
export interface Window {
  /** The layer's name, for messages. */
  readonly layer: string;
  readonly size: Size2D;
  readonly strides: Size2D;
  readonly dilations: Size2D;
  readonly padding: Padding;
}

/**
 * Attributes that say how ONNX is to pad what the window moves over.
 *
 * TensorFlow's `same` makes the output ceil(size / stride) large; of an odd number of pads the larger part is below and
 * right (https://www.tensorflow.org/api_docs/python/tf/nn, "Notes on padding"). It is written out wherever it is known.
 * Where it depends on an unknown size, ONNX's SAME_UPPER finds it out, which ONNX Runtime has for windows without
 * dilation only, and gets wrong where a stride is larger than the window.
 *
 * @param sizes the input's height and width, `null` where unknown
 * @throws UnsupportedError in that last case
 */
export function paddingAttributes(
  window: Window,
  sizes: readonly [number | null, number | null],
): Readonly<Record<string, Attribute>> {
  if (window.padding === "valid") return { auto_pad: { string: "VALID" } };
  const [vertical, horizontal] = [padsOfAxis(window, 0, sizes[0]), padsOfAxis(window, 1, sizes[1])];
  if (vertical && horizontal) return { pads: { ints: [vertical[0], horizontal[0], vertical[1], horizontal[1]] } };
  const { layer, size, strides, dilations } = window;
  if (dilations.some((dilation) => dilation !== 1) || strides[0] > size[0] || strides[1] > size[1]) {
    throw new UnsupportedError(
      `The backend "onnx" cannot run the layer "${layer}" on pictures of unknown size: its padding "same" with a window of ` +
        `[${size.join(", ")}], \`strides\` [${strides.join(", ")}] and \`dilationRate\` [${dilations.join(", ")}] depends on it. ` +
        'Give the InputLayer a height and a width, or use the backend "tfjs-wasm".',
    );
  }
  return { auto_pad: { string: "SAME_UPPER" } };
}

/** Pads before and after along one axis; undefined if they depend on a size that is not known. */
function padsOfAxis(
  { size, strides, dilations }: Window,
  axis: 0 | 1,
  inputSize: number | null,
): readonly [number, number] | undefined {
  const reach = (size[axis] - 1) * dilations[axis] + 1;
  const stride = strides[axis];
  let total: number;
  if (reach === 1) total = 0;
  else if (stride === 1) total = reach - 1;
  else if (inputSize === null) return undefined;
  else total = Math.max(0, (Math.ceil(inputSize / stride) - 1) * stride + reach - inputSize);
  const before = Math.floor(total / 2);
  return [before, total - before];
}
