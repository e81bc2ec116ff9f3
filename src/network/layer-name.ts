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

/** Up to three names that differ from `wanted` by few letters, or in case only; the closest first. */
function closestNames(wanted: string, names: readonly string[]): readonly string[] {
  const limit = Math.max(1, Math.floor(wanted.length / 4));
  return names
    .map((name) => ({ name, distance: editDistance(wanted.toLowerCase(), name.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** Least number of letters to insert, delete or replace to make one word of the other (Levenshtein's distance). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
