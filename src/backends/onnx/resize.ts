import type { Size2D } from "../../network/layer.js";
import type { GraphBuilder, Value } from "./graph-builder.js";

/**
 * Adds a change of an image's size. Pixels' centres stand at halves; a nearest pixel that is as near as the next is the
 * later one, as TensorFlow's `resize_nearest_neighbor` with `half_pixel_centers` takes it.
 */
export function lowerResize(
  builder: GraphBuilder,
  layer: string,
  image: Value,
  to: { readonly size: Size2D } | { readonly scale: Size2D },
  interpolation: "nearest" | "bilinear",
): Value {
  const attributes = {
    mode: { string: interpolation === "nearest" ? "nearest" : "linear" },
    coordinate_transformation_mode: { string: "half_pixel" },
    ...(interpolation === "nearest" ? { nearest_mode: { string: "round_prefer_ceil" } } : {}),
  };
  if ("scale" in to) {
    const scales = builder.floats(layer, "scales", [1, 1, ...to.scale], [4]);
    return { ...image, tensor: builder.node(layer, "Resize", [image.tensor, "", scales], attributes) };
  }
  // The operator wants all four sizes, of which the batch is known only when it runs.
  const shape = builder.node(layer, "Shape", [image.tensor]);
  const kept = builder.node(layer, "Slice", [
    shape,
    builder.integers(layer, "resize_start", [0]),
    builder.integers(layer, "resize_end", [2]),
  ]);
  const sizes = builder.node(layer, "Concat", [kept, builder.integers(layer, "resize_sizes", to.size)], {
    axis: { int: 0 },
  });
  return { ...image, tensor: builder.node(layer, "Resize", [image.tensor, "", "", sizes], attributes) };
}
