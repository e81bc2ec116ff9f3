import type { Weight } from "../../network/network.js";
import type { Perturbation } from "../operations.js";
import type { Value } from "./graph-builder.js";

/** What the nodes of one layer depend on, beside its settings and inputs. */
export interface LayerContext {
  /** Finds one of the layer's weights, and the layer that holds it. @throws InvalidNetworkError if there is none */
  readonly findWeight: (name: string) => { readonly owner: string; readonly weight: Weight };
  /** Whether its weights change while the graph is in use, so that nothing may be computed from their values beforehand. */
  readonly trained: boolean;
  /** In training: changes a value at random. */
  readonly perturb?: ((x: Value, perturbation: Perturbation) => Value) | undefined;
  /**
   * In training, of a BatchNormalization that is trained: takes the tensors of this batch's mean and variance `[channels]`,
   * by which it normalises.
   */
  readonly batchStatistics?: ((mean: string, variance: string) => void) | undefined;
}
