import { type Shape, sizeOf } from "../ndarray.js";
import { createRandom, type Random } from "../random.js";
import { checkTopology } from "./check-network.js";
import type { LayerClassName } from "./layer.js";
import type { NetworkWeights, Topology, Weight } from "./network.js";
import { weightShapes } from "./weight-shapes.js";

/**
 * Random weights for a network, the same for the same seed everywhere, also in Python.
 *
 * The rule: one `numpy.random.RandomState(seed)`; layer by layer in the network's order, weight by weight in Keras's
 * order. A kernel is `uniform(-limit, limit, shape)` with `limit = sqrt(6 / fanIn)` (He uniform), drawn row-major as
 * doubles, then rounded to float32; `fanIn` is kernel height * kernel width * input channels per group, for a depthwise
 * kernel height * width, for a Dense kernel its inputs. gamma, moving_variance and variance are 1, all other weights
 * (biases, beta, moving_mean, ...) are 0; these take no draws.
 *
 * Formula: K. He et al., "Delving Deep into Rectifiers", ICCV 2015.
 *
 * @param seed integer in 0..4294967295
 * @throws InvalidArgumentError if the seed is not such an integer
 * @throws InvalidNetworkError if the graph or its shapes are not valid
 */
export function randomWeights(topology: Topology, seed: number): NetworkWeights {
  checkTopology("topology", topology);
  const random = createRandom(seed);
  const classNames = new Map(topology.layers.map((layer) => [layer.name, layer.className]));
  const weights = new Map<string, readonly Weight[]>();
  for (const [layer, needed] of weightShapes(topology)) {
    weights.set(
      layer,
      needed.map(({ name, shape }) => ({
        name,
        array: { dtype: "float32", shape, data: values(random, name, shape, classNames.get(layer)) },
      })),
    );
  }
  return weights;
}

function values(random: Random, name: string, shape: Shape, className: LayerClassName | undefined): Float32Array {
  const data = new Float32Array(sizeOf(shape));
  if (name === "gamma" || name === "moving_variance" || name === "variance") return data.fill(1);
  if (!name.endsWith("kernel")) return data;
  const limit = Math.sqrt(6 / sizeOf(fanInAxes(name, shape, className)));
  const range = limit - -limit;
  for (let i = 0; i < data.length; i++) data[i] = -limit + range * random.double();
  return data;
}

/** Sizes of a kernel's axes that one output value sums over. */
function fanInAxes(name: string, shape: Shape, className: LayerClassName | undefined): Shape {
  if (name === "depthwise_kernel" || className?.startsWith("DepthwiseConv")) return shape.slice(0, -2);
  // These have their filters before their input channels.
  if (className?.endsWith("Transpose")) return shape.filter((_, axis) => axis !== shape.length - 2);
  return shape.slice(0, -1);
}
