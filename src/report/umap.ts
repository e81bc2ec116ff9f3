import type { AbortOptions } from "../backends/backend.js";
import { UnsupportedError } from "../errors.js";
import type { NdArray } from "../ndarray.js";
import { createRandom } from "../random.js";
import { nextTurn } from "../threads/next-turn.node.js";

/** The part of umap-js that is used here. */
interface UMAP {
  initializeFit(rows: readonly ArrayLike<number>[]): number;
  step(): number;
  getEmbedding(): readonly (readonly number[])[];
}

interface UMAPLibrary {
  readonly UMAP: new (options: {
    readonly nComponents: number;
    readonly nNeighbors: number;
    readonly random: () => number;
  }) => UMAP;
}

/** How long steps may go on while everything else waits. */
const turnMilliseconds = 15;

async function loadLibrary(): Promise<UMAPLibrary> {
  try {
    const library = (await import("umap-js")) as unknown as UMAPLibrary & { readonly default?: UMAPLibrary };
    // A CommonJS package: where its names are not found, they hang on its default export.
    return library.UMAP ? library : (library.default ?? library);
  } catch (cause) {
    throw new UnsupportedError(
      'Cannot make a map with "umap": the package "umap-js" did not load. Install it with `npm install umap-js`, or pass `method: "pca"`.',
      { cause },
    );
  }
}

/**
 * Places rows in a plane so that neighbours stay neighbours, with the settings of the Python package `umap-learn`.
 *
 * Method: L. McInnes, J. Healy, J. Melville, "UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction"
 * (2018), arXiv 1802.03426.
 *
 * @param xs `[rows, width]`
 * @returns `[rows, 2]`
 * @throws UnsupportedError if `umap-js` is not installed
 */
export async function umap(
  xs: NdArray<"float32">,
  options: AbortOptions & { readonly neighbors: number; readonly seed: number },
): Promise<NdArray<"float64">> {
  const { neighbors, seed, signal } = options;
  const random = createRandom(seed);
  const { UMAP } = await loadLibrary();
  signal?.throwIfAborted();
  const [rows = 0, width = 0] = xs.shape;
  const model = new UMAP({ nComponents: 2, nNeighbors: neighbors, random: () => random.double() });
  const epochs = model.initializeFit(
    Array.from({ length: rows }, (_, row) => Array.from(xs.data.subarray(row * width, (row + 1) * width))),
  );
  let turn = performance.now();
  for (let epoch = 0; epoch < epochs; epoch++) {
    model.step();
    if (performance.now() - turn < turnMilliseconds) continue;
    await nextTurn();
    signal?.throwIfAborted();
    turn = performance.now();
  }
  return { dtype: "float64", shape: [rows, 2], data: Float64Array.from(model.getEmbedding().flat()) };
}
