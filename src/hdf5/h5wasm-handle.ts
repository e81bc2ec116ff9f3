import { ClosedError, InvalidDatasetError } from "../errors.js";
import type { H5wasm, H5wasmModule } from "./h5wasm-module.js";

/** libhdf5's handle of an open file, and what every call on it goes through. */
export class H5wasmHandle {
  readonly h5wasm: H5wasm;
  readonly module: H5wasmModule;
  /** Known to be valid. */
  readonly file: bigint;
  /** What errors call the file. */
  readonly name: string;
  #closed = false;

  constructor(h5wasm: H5wasm, file: bigint, name: string) {
    this.h5wasm = h5wasm;
    this.module = h5wasm.module;
    this.file = file;
    this.name = name;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** @throws ClosedError after `close` */
  checkOpen(doing: string): void {
    if (this.#closed) throw new ClosedError(`"${this.name}" is closed: ${doing} came after \`close\`.`);
  }

  /** libhdf5 reports through a status or, for some names, by throwing; both become one error. */
  call<T>(doing: string, action: (module: H5wasmModule, file: bigint) => T): T {
    try {
      return action(this.module, this.file);
    } catch (cause) {
      const diagnosis = this.h5wasm.takeDiagnosis();
      throw new InvalidDatasetError(this.name, `Cannot ${doing} in "${this.name}": ${diagnosis ?? String(cause)}.`, {
        cause,
      });
    }
  }

  /**
   * What is at a path, -1 for nothing. Asked about a path that leads through a dataset, libhdf5 answers at random, so
   * each group on the way is asked about first.
   */
  typeAt(path: string): number {
    const { module, file } = this;
    try {
      for (let end = path.indexOf("/", 1); end > 0; end = path.indexOf("/", end + 1)) {
        if (module.get_type(file, path.slice(0, end)) !== module.H5G_GROUP) return -1;
      }
      return module.get_type(file, path);
    } finally {
      this.h5wasm.takeDiagnosis();
    }
  }

  /**
   * Gives a piece of the heap to `use`, and takes it back afterwards.
   *
   * @param refusal makes the error where there is no such piece
   */
  withMemory<T>(bytes: number, refusal: () => Error, use: (pointer: number) => T): T {
    const pointer = this.module._malloc(Math.max(bytes, 8));
    if (pointer === 0) throw refusal();
    try {
      return use(pointer);
    } finally {
      this.module._free(pointer);
    }
  }

  /**
   * Ends the file.
   *
   * @param release frees what was made beside the handle
   * @throws InvalidDatasetError if libhdf5 says that it failed
   */
  free(release: () => void): void {
    const status = this.module.close_file(this.file);
    release();
    if (status < 0) {
      throw new InvalidDatasetError(this.name, `Closing "${this.name}" failed: ${this.h5wasm.takeDiagnosis()}.`);
    }
  }

  /** From now on every call is refused. */
  refuse(): void {
    this.#closed = true;
  }
}
