import type { TrainableBackend } from "../backends/trainable-backend.js";
import { ClosedError } from "../errors.js";
import { type CacheFolder, openCacheFolder } from "./cache-folder.node.js";
import { loadForInference } from "./inference.js";
import { LentNetwork } from "./lent-network.js";
import type { ModelParts } from "./model-parts.js";

/** What a model holds until it is closed: its backend, the network that predicts, and a folder for temporary files. */
export class ModelResources {
  readonly backend: TrainableBackend;
  readonly #stop = new AbortController();
  #inference: LentNetwork | undefined;
  #retired: Promise<unknown> = Promise.resolve();
  #folder: Promise<CacheFolder> | undefined;

  constructor(backend: TrainableBackend) {
    this.backend = backend;
  }

  /** Aborts when the model is closed. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** @throws ClosedError after {@link stop}; `method` is what was called then */
  checkOpen(method: string): void {
    if (this.#stop.signal.aborted)
      throw new ClosedError(`TransferModel is closed: \`${method}\` was called after \`close\`.`);
  }

  /** The network with the weights that a model has now, or had when it was first lent after they changed. */
  lend(parts: ModelParts): LentNetwork {
    this.#inference ??= new LentNetwork(() => loadForInference(parts, this.backend));
    return this.#inference;
  }

  /** Frees the network that was lent, as its weights are out of date. */
  async retire(): Promise<void> {
    this.#retired = Promise.all([this.#retired, this.#inference?.retire()]);
    this.#inference = undefined;
    await this.#retired;
  }

  /** A folder for what is computed once; without a path one that is removed at the end. */
  openFolder(path: string | undefined): Promise<CacheFolder> {
    if (path !== undefined) return openCacheFolder(path);
    this.#folder ??= openCacheFolder(undefined);
    return this.#folder;
  }

  /** Ends all work that listens to {@link signal}. */
  stop(): void {
    this.#stop.abort(new ClosedError("TransferModel is closed: `fit` was still running."));
  }

  /** Frees everything, once nothing works with it any more. */
  async release(): Promise<void> {
    await this.retire();
    const folder = this.#folder;
    this.#folder = undefined;
    await (await folder)?.remove();
  }
}
