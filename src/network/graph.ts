import { InvalidNetworkError } from "../errors.js";
import type { Layer, LayerClassName } from "./layer.js";
import { describeUnknownLayer } from "./layer-name.js";
import type { Topology } from "./network.js";

/** Least and greatest number of inputs of each kind of layer; every kind not named here takes exactly one. */
const inputCounts: Partial<Record<LayerClassName, readonly [number, number]>> = {
  InputLayer: [0, 0],
  Concatenate: [1, Number.POSITIVE_INFINITY],
  Add: [1, Number.POSITIVE_INFINITY],
  Multiply: [1, Number.POSITIVE_INFINITY],
  Average: [1, Number.POSITIVE_INFINITY],
  Maximum: [1, Number.POSITIVE_INFINITY],
  Minimum: [1, Number.POSITIVE_INFINITY],
  Subtract: [2, 2],
  Dot: [2, 2],
  CustomScaleLayer: [2, 2],
};

/**
 * Checks that a topology is a graph that can be run from front to back: names are unique, every input exists and stands
 * before the layer that takes it, nothing goes in a circle, inputs and outputs are there, shared weights belong to an
 * earlier layer of the same kind. Shapes and weights are not looked at.
 *
 * @throws InvalidNetworkError naming the layer at fault
 */
export function checkGraph(topology: Topology): void {
  const { name, layers } = topology;
  if (layers.length === 0) throw new InvalidNetworkError(`Network "${name}" has no layers: expected at least one.`);

  const positions = new Map<string, number>();
  for (const [position, layer] of layers.entries()) {
    const earlier = positions.get(layer.name);
    if (earlier !== undefined) {
      throw new InvalidNetworkError(
        `Network "${name}" has two layers named "${layer.name}", at positions ${earlier} and ${position}: expected each name once. Rename one of them.`,
        { layer: layer.name },
      );
    }
    positions.set(layer.name, position);
  }

  for (const [position, layer] of layers.entries()) {
    checkInputs(topology, layer, position, positions);
    checkSharedWeights(topology, layer, position, positions);
  }
  checkEnds(topology, positions);
}

function checkInputs(topology: Topology, layer: Layer, position: number, positions: ReadonlyMap<string, number>): void {
  const [least, greatest] = inputCounts[layer.className] ?? [1, 1];
  const count = layer.inputs.length;
  if (count < least || count > greatest) {
    const expected = greatest === least ? `exactly ${least}` : `at least ${least}`;
    throw new InvalidNetworkError(
      `Layer "${layer.name}" (${layer.className}) of network "${topology.name}" has ${count} inputs: expected ${expected}.`,
      { layer: layer.name },
    );
  }
  for (const input of layer.inputs) {
    const inputPosition = positions.get(input);
    if (inputPosition === undefined) {
      throw new InvalidNetworkError(
        `Layer "${layer.name}" (${layer.className}) takes the output of "${input}": ${describeUnknownLayer(topology, input)}`,
        { layer: layer.name },
      );
    }
    if (inputPosition < position) continue;
    const circle = findCircle(topology, layer.name);
    throw new InvalidNetworkError(
      circle === undefined
        ? `Layer "${layer.name}" (${layer.className}) of network "${topology.name}" takes the output of "${input}", which stands after it: expected every layer after its inputs. Put "${input}" earlier in \`layers\`.`
        : `Network "${topology.name}" goes in a circle: ${circle.map((each) => `"${each}"`).join(" takes ")}. A network must have none.`,
      { layer: layer.name },
    );
  }
}

/** Way from a layer through inputs back to itself, if there is one. */
function findCircle(topology: Topology, start: string): readonly string[] | undefined {
  const inputsOf = new Map(topology.layers.map((layer) => [layer.name, layer.inputs]));
  const waiting: { readonly name: string; readonly way: readonly string[] }[] = [{ name: start, way: [start] }];
  const seen = new Set<string>();
  for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
    for (const input of inputsOf.get(step.name) ?? []) {
      const way = [...step.way, input];
      if (input === start) return way;
      if (seen.has(input)) continue;
      seen.add(input);
      waiting.push({ name: input, way });
    }
  }
  return undefined;
}

function checkSharedWeights(
  topology: Topology,
  layer: Layer,
  position: number,
  positions: ReadonlyMap<string, number>,
): void {
  if (layer.weightsOf === undefined) return;
  const ownerPosition = positions.get(layer.weightsOf);
  const owner = ownerPosition === undefined ? undefined : topology.layers[ownerPosition];
  const fault =
    ownerPosition === undefined || owner === undefined
      ? describeUnknownLayer(topology, layer.weightsOf)
      : ownerPosition >= position
        ? "it does not stand before it."
        : owner.className !== layer.className
          ? `that is a ${owner.className}.`
          : owner.weightsOf !== undefined
            ? `that has no weights of its own but those of "${owner.weightsOf}". Name that one.`
            : undefined;
  if (fault === undefined) return;
  throw new InvalidNetworkError(
    `Layer "${layer.name}" (${layer.className}) shares the weights of "${layer.weightsOf}" (\`weightsOf\`): ${fault}`,
    { layer: layer.name },
  );
}

function checkEnds(topology: Topology, positions: ReadonlyMap<string, number>): void {
  const { name, layers, inputs, outputs } = topology;
  for (const [list, what] of [
    [inputs, "inputs"],
    [outputs, "outputs"],
  ] as const) {
    if (list.length === 0) throw new InvalidNetworkError(`Network "${name}" has no ${what}: expected at least one.`);
    for (const end of list) {
      if (positions.has(end)) continue;
      throw new InvalidNetworkError(
        `Network "${name}" lists "${end}" in \`${what}\`: ${describeUnknownLayer(topology, end)}`,
        { layer: end },
      );
    }
  }
  const listed = new Set(inputs);
  if (listed.size !== inputs.length) {
    throw new InvalidNetworkError(
      `Network "${name}" lists an input twice: [${inputs.map((input) => `"${input}"`).join(", ")}]. Expected each once.`,
    );
  }
  for (const layer of layers) {
    if ((layer.className === "InputLayer") === listed.has(layer.name)) continue;
    throw new InvalidNetworkError(
      layer.className === "InputLayer"
        ? `Network "${name}" has the InputLayer "${layer.name}", which is missing in \`inputs\`.`
        : `Network "${name}" lists "${layer.name}" in \`inputs\`, which is a ${layer.className}: expected an InputLayer.`,
      { layer: layer.name },
    );
  }
}
