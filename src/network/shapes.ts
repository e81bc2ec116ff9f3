import { InvalidArgumentError, InvalidNetworkError } from "../errors.js";
import { checkTopology } from "./check-network.js";
import { checkGraph } from "./graph.js";
import { formatShape, inferLayerShape, type RowShape } from "./layer-shape.js";
import type { Topology } from "./network.js";

/**
 * Shapes of every layer's output, without the batch axis; `null` is an axis of any size.
 *
 * @param inputShapes shapes to use in place of those of the network's inputs, in the order of `topology.inputs`. They
 * may fix an axis that is `null` there, and must agree with the others.
 * @returns a map from layer name to shape, in the order of `topology.layers`
 * @throws InvalidNetworkError if the graph is not valid or a layer does not take what comes; it names the layer
 * @throws InvalidArgumentError if `inputShapes` do not fit the network's inputs
 *
 * @example
 * inferShapes(vgg16.topology({ includeTop: false, imageSize: [224, 224] })).get("block5_pool"); // [7, 7, 512]
 */
export function inferShapes(topology: Topology, inputShapes?: readonly RowShape[]): ReadonlyMap<string, RowShape> {
  checkTopology("topology", topology);
  checkGraph(topology);
  if (inputShapes !== undefined && inputShapes.length !== topology.inputs.length) {
    throw new InvalidArgumentError(
      `\`inputShapes\` has ${inputShapes.length} shapes: expected ${topology.inputs.length}, one for each input of network "${topology.name}".`,
    );
  }
  const shapes = new Map<string, RowShape>();
  for (const layer of topology.layers) {
    const own = inferLayerShape(
      layer,
      layer.inputs.map((input) => shapeOf(shapes, input, layer.name)),
    );
    if (layer.className !== "InputLayer") {
      shapes.set(layer.name, own);
      continue;
    }
    const given = inputShapes?.[topology.inputs.indexOf(layer.name)];
    if (given !== undefined && !fits(given, own)) {
      throw new InvalidArgumentError(
        `\`inputShapes\` gives ${formatShape(given)} for "${layer.name}": expected ${formatShape(own)}, where null is any size.`,
      );
    }
    shapes.set(layer.name, given ?? own);
  }
  return shapes;
}

function shapeOf(shapes: ReadonlyMap<string, RowShape>, name: string, layer: string): RowShape {
  const shape = shapes.get(name);
  if (shape === undefined)
    throw new InvalidNetworkError(`Layer "${layer}" stands before its input "${name}".`, { layer });
  return shape;
}

function fits(given: RowShape, declared: RowShape): boolean {
  return (
    given.length === declared.length &&
    given.every(
      (axis, at) =>
        (axis === null || (Number.isInteger(axis) && axis >= 1)) && (declared[at] === null || axis === declared[at]),
    )
  );
}
