import type { TrainableNetwork, TrainingOptions, TrainingState } from "../backends/trainable-backend.js";
import type { NetworkWeights, Weight } from "../network/network.js";

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

  /** Weights of now, of which nobody knows yet whether they are good. */
  async readWeights(): Promise<NetworkWeights> {
    return this.#shareFrozen(await this.#network.readWeights());
  }

  /** The layer of these weights that has numbers that are not finite, if there is one. */
  findBroken(weights: NetworkWeights): string | undefined {
    for (const [layer, own] of weights) if (!this.#isFrozen(layer) && !own.every(isSound)) return layer;
    return undefined;
  }

  /**
   * Takes the state of now in place of the one before.
   *
   * @param weights those of now, as they were read
   * @param steps that were taken since the one before
   */
  async advance(weights: NetworkWeights, steps: number): Promise<TrainingState> {
    const { slots, step } = this.#state;
    const withoutSlots = { step: step + steps, weights, slots };
    if (slots.size === 0) {
      this.#state = withoutSlots;
      return withoutSlots;
    }
    this.#state = { ...withoutSlots, slots: new Map() };
    const state = await this.#network.readState();
    this.#state = { ...state, weights: this.#shareFrozen(state.weights) };
    return this.#state;
  }

  /** Puts the network back into this state: weights, and the optimizer's running values, which are spoilt too. */
  async restore(): Promise<void> {
    await this.#network.setState(this.#state);
  }

  #isFrozen(layer: string): boolean {
    return this.#layers?.get(layer)?.trainable === false;
  }

  #shareFrozen(weights: NetworkWeights): NetworkWeights {
    return new Map([...weights].map(([layer, own]) => [layer, this.#still.get(layer) ?? own]));
  }
}

function isSound({ array: { data } }: Weight): boolean {
  // Times 0, every number is 0 but those that are not finite.
  let sum = 0;
  for (let at = 0; at < data.length; at++) sum += (data[at] as number) * 0;
  return sum === 0;
}
