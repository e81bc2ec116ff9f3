import type { LoadedNetwork } from "../backends/backend.js";

/** A network that is loaded when it is first needed, and freed once it is out of date and nobody uses it any more. */
export class LentNetwork {
  readonly #load: () => Promise<LoadedNetwork>;
  #loaded: Promise<LoadedNetwork> | undefined;
  #users = 0;
  #unused: (() => void) | undefined;

  constructor(load: () => Promise<LoadedNetwork>) {
    this.#load = load;
  }

  /** Lends the network to a task until it has ended. */
  async use<T>(task: (network: LoadedNetwork) => Promise<T>): Promise<T> {
    this.#users++;
    try {
      this.#loaded ??= this.#load();
      const loading = this.#loaded;
      const network = await loading.catch((error: unknown) => {
        // The next task may have more luck.
        if (this.#loaded === loading) this.#loaded = undefined;
        throw error;
      });
      return await task(network);
    } finally {
      this.#users--;
      if (this.#users === 0) this.#unused?.();
    }
  }

  /** Frees the network when its last task has ended. It must not be lent after that. */
  async retire(): Promise<void> {
    if (this.#users > 0) {
      await new Promise<void>((resolve) => {
        this.#unused = resolve;
      });
    }
    const loaded = await this.#loaded?.catch(() => undefined);
    await loaded?.dispose();
  }
}
