import type { TrainableNetwork, TrainingOptions, TrainingState } from "../backends/trainable-backend.js";
import type { NetworkWeights } from "../network/network.js";
import { allFinite } from "./all-finite.js";

/**
 * The state that a training goes back to where an epoch ends in numbers that are not finite. There is never more than one copy
 * of it: the one before is let go before the next is read. What stands still while training is not copied again.
 */
export class GoodState {
  readonly #network: TrainableNetwork;
  readonly #layers: TrainingOptions["layers"];
  readonly #still: NetworkWeights;
  #state: TrainingState;

  private constructor(network: TrainableNetwork, layers: TrainingOptions["layers"], state: TrainingState) {
    this.#network = network;
    this.#layers = layers;
    this.#state = state;
    this.#still = new Map([...state.weights].filter(([layer]) => this.#isFrozen(layer)));
  }

  /**
   * Takes the state that a network is in.
   *
   * @param known that state, where somebody has it: it is not read then
   */
  static async of(
    network: TrainableNetwork,
    { layers }: TrainingOptions,
    known: TrainingState | undefined,
  ): Promise<GoodState> {
    return new GoodState(network, layers, known ?? (await network.readState()));
  }

  /** The state itself. It may be let go at the next {@link advance}: do not keep it. */
  get state(): TrainingState {
    return this.#state;
  }

  /** Weights of now, of which nobody knows yet whether they are good. */
  async readWeights(): Promise<NetworkWeights> {
    return this.#shareFrozen(await this.#network.readWeights());
  }

  /** The layer of these weights that has numbers that are not finite, if there is one. */
  findBroken(weights: NetworkWeights): string | undefined {
    for (const [layer, own] of weights)
      if (!this.#isFrozen(layer) && !own.every(({ array }) => allFinite(array.data))) return layer;
    return undefined;
  }

  /**
   * Takes the state of now in place of the one before.
   *
   * @param weights those of now, as they were read
   * @param steps that were taken since the one before
   */
  async advance(weights: NetworkWeights, steps: number): Promise<void> {
    // No variable may hold the values from before while the new ones are read.
    const hasSlots = this.#state.slots.size > 0;
    this.#state = { step: this.#state.step + steps, weights, slots: new Map() };
    if (hasSlots) this.#state = this.#sharing(await this.#network.readState());
  }

  /** Puts the network back into this state: weights, and the optimizer's running values, which are spoilt too. */
  async restore(): Promise<void> {
    await this.#network.setState(this.#state);
  }

  #isFrozen(layer: string): boolean {
    return this.#layers?.get(layer)?.trainable === false;
  }

  #sharing(state: TrainingState): TrainingState {
    return { ...state, weights: this.#shareFrozen(state.weights) };
  }

  #shareFrozen(weights: NetworkWeights): NetworkWeights {
    return new Map([...weights].map(([layer, own]) => [layer, this.#still.get(layer) ?? own]));
  }
}
