import { InvalidArgumentError, UnsupportedError } from "../errors.js";

/** Lets one training at a time have a network. */
export class TrainingTurn {
  #running: Promise<unknown> | undefined;

  /** Whether a training runs. */
  get isTaken(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Runs a training, if no other does.
   *
   * @param method how messages call it
   * @param untrainable why the network cannot be trained; undefined if it can
   * @throws UnsupportedError if it cannot be trained
   * @throws InvalidArgumentError if another training runs
   */
  async take<R>(method: string, untrainable: string | undefined, training: () => Promise<R>): Promise<R> {
    if (untrainable !== undefined) throw new UnsupportedError(untrainable);
    if (this.#running !== undefined) {
      throw new InvalidArgumentError(
        `\`${method}\` was called while another \`fit\` or \`findLearningRate\` runs. Wait for the first one.`,
      );
    }
    const running = training();
    this.#running = running.catch(() => undefined);
    try {
      return await running;
    } finally {
      this.#running = undefined;
    }
  }

  /** Waits for the training that runs, whatever it comes to. */
  async ended(): Promise<void> {
    await this.#running;
  }
}
