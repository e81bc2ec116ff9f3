import type { Network } from "../network/network.js";

/**
 * The same network with names that Keras 3 takes: it refuses a slash in a layer's name, which older files have
 * (`fire2/squeeze1x1`). Each becomes an underscore; a name that is taken then gets more of them.
 */
export function withKerasNames<N extends Network & { readonly frozen?: readonly string[] }>(network: N): N {
  const taken = new Set(network.layers.map(({ name }) => name));
  const renamed = new Map<string, string>();
  for (const name of taken) {
    if (!name.includes("/")) continue;
    let free = name.replaceAll("/", "_");
    while (taken.has(free)) free += "_";
    taken.add(free);
    renamed.set(name, free);
  }
  if (renamed.size === 0) return network;
  const rename = (name: string): string => renamed.get(name) ?? name;
  return {
    ...network,
    layers: network.layers.map((layer) => ({
      ...layer,
      name: rename(layer.name),
      inputs: layer.inputs.map(rename),
      ...(layer.weightsOf === undefined ? {} : { weightsOf: rename(layer.weightsOf) }),
    })),
    inputs: network.inputs.map(rename),
    outputs: network.outputs.map(rename),
    ...(network.frozen === undefined ? {} : { frozen: network.frozen.map(rename) }),
    weights: new Map([...network.weights].map(([name, weights]) => [rename(name), weights])),
  };
}
