import { closestNames } from "../options/closest-names.js";
import type { Topology } from "./network.js";

const mostListed = 12;

/**
 * Sentence for error messages about a layer name that a topology does not have: the names close to it, else the names
 * there are.
 */
export function describeUnknownLayer(topology: Topology, unknown: string): string {
  const names = topology.layers.map((layer) => layer.name);
  const close = closestNames(unknown, names);
  const advice =
    close.length > 0
      ? `Did you mean ${close.map((name) => `"${name}"`).join(" or ")}?`
      : `Its layers are ${listNames(names)}.`;
  return `network "${topology.name}" has no layer of that name. ${advice}`;
}

function listNames(names: readonly string[]): string {
  const quoted = names.map((name) => `"${name}"`);
  if (quoted.length <= mostListed) return quoted.join(", ");
  const half = mostListed / 2;
  return `${quoted.slice(0, half).join(", ")}, ... ${quoted.length - mostListed} more ..., ${quoted.slice(-half).join(", ")}`;
}
