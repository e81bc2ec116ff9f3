import type { GraphNode, Initializer, OnnxGraph } from "../graph.js";

/**
 * The same graph with each batch normalisation of pictures that is left written as a convolution of one place, with a
 * filter for each channel. In that form it can be computed in integers: as it stands before its convolution in DenseNet
 * and ResNet V2, it cannot become a part of that.
 */
export function normalizationsAsConvolutions(graph: OnnxGraph): OnnxGraph {
  const constants = new Map(graph.initializers.map((initializer) => [initializer.name, initializer]));
  const added: Initializer[] = [];
  const nodes = graph.nodes.map((node): GraphNode => {
    const [input = "", ...statistics] = node.inputs;
    const { epsilon } = node.attributes;
    if (node.operator !== "BatchNormalization" || epsilon === undefined || !("float" in epsilon)) return node;
    const values = statistics.map((name) => constants.get(name)?.data);
    if (values.length !== 4 || !values.every((data): data is Float32Array => data instanceof Float32Array)) return node;
    const [gamma, beta, mean, variance] = values as unknown as readonly [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const channels = gamma.length;
    const factors = Float64Array.from(gamma, (scale, c) => scale / Math.sqrt((variance[c] as number) + epsilon.float));
    const shifts = beta.map((shift, c) => shift - (mean[c] as number) * (factors[c] as number));
    const [output = ""] = node.outputs;
    const kernel = { name: `${output}/factors`, shape: [channels, 1, 1, 1], data: Float32Array.from(factors) };
    const bias = { name: `${output}/shifts`, shape: [channels], data: shifts };
    added.push(kernel, bias);
    return {
      operator: "Conv",
      inputs: [input, kernel.name, bias.name],
      outputs: node.outputs,
      attributes: { kernel_shape: { ints: [1, 1] }, group: { int: channels } },
    };
  });
  if (added.length === 0) return graph;
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  const initializers = [...graph.initializers, ...added].filter(({ name }) => used.has(name));
  return { ...graph, nodes, initializers };
}
