import type { ModelEntry, ModelTree } from "./model-tree.js";

/** A name for each layer of a model and of those inside of it; layers of the outermost keep theirs. */
export function nameLayers(tree: ModelTree): ReadonlyMap<ModelEntry, string> {
  const inner: { readonly entry: ModelEntry; readonly within: readonly string[] }[] = [];
  const walk = (model: ModelTree, within: readonly string[]): void => {
    for (const entry of model.entries) {
      if (entry.model !== undefined) walk(entry.model, [...within, entry.name]);
      else if (within.length > 0 && entry.className !== "InputLayer") inner.push({ entry, within });
    }
  };
  walk(tree, []);
  const outer = tree.entries.filter(({ model }) => model === undefined);
  const uses = new Map<string, number>();
  for (const { name } of [...outer, ...inner.map(({ entry }) => entry)]) uses.set(name, (uses.get(name) ?? 0) + 1);
  const taken = new Set([...uses].filter(([, count]) => count === 1).map(([name]) => name));
  const names = new Map<ModelEntry, string>();
  for (const entry of outer) {
    names.set(entry, entry.name);
    taken.add(entry.name);
  }
  for (const { entry, within } of inner) {
    const unique = uses.get(entry.name) === 1;
    names.set(entry, unique ? entry.name : freeName([...within, entry.name].join("/"), taken));
  }
  return names;
}

/** A name that is not taken; it is then. */
export function freeName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  while (taken.has(name)) name += "_";
  taken.add(name);
  return name;
}
