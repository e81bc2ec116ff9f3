import { type AddPlugin, createPluginLoader } from "./h5wasm-plugins.js";

/** What h5wasm tells about a dataset or an attribute. */
export interface H5wasmMetadata {
  /** H5T class: 0 integer, 1 float, 3 string, 8 enumeration; others are not read here. */
  readonly type: number;
  readonly size: number;
  readonly signed: boolean;
  readonly vlen: boolean;
  /** Padding of fixed strings: 0 ends with NUL, 1 filled with NUL, 2 filled with spaces. */
  readonly strpad?: number;
  readonly total_size: number;
  /** `null` for a dataspace that holds nothing. */
  readonly shape: readonly number[] | null;
  readonly chunks: readonly number[] | null;
  readonly enum_type?: { readonly type: number };
  readonly virtual_sources?: readonly unknown[];
}

/** The part of h5wasm's WebAssembly module that the adapter uses. Its own classes are passed by: they check less. */
export interface H5wasmModule {
  readonly HEAPU8: Uint8Array;
  readonly H5G_GROUP: number;
  readonly H5G_DATASET: number;
  readonly H5F_LIBVER_EARLIEST: number;
  readonly H5F_LIBVER_LATEST: number;
  readonly FS: {
    readonly streams: ({ stream_ops?: unknown; node?: unknown } | null)[];
    mkdirTree(path: string): void;
    writeFile(path: string, data: Uint8Array): void;
    readFile(path: string): Uint8Array;
    unlink(path: string): void;
  };
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  open(path: string, mode: number, trackOrder: boolean, libverLow: number, libverHigh: number): bigint;
  close_file(file: bigint): number;
  flush(file: bigint): number;
  get_type(file: bigint, path: string): number;
  get_names(file: bigint, path: string, recursive: boolean): string[];
  get_dataset_metadata(file: bigint, path: string): H5wasmMetadata;
  get_dataset_filters(
    file: bigint,
    path: string,
  ): { readonly id: number; readonly name: string; readonly cd_values: number[] }[];
  get_dataset_data(
    file: bigint,
    path: string,
    count: bigint[] | null,
    offset: bigint[] | null,
    strides: bigint[] | null,
    pointer: bigint,
  ): number;
  get_attribute_names(file: bigint, path: string): string[];
  get_attribute_metadata(file: bigint, path: string, name: string): H5wasmMetadata;
  get_attribute_data(file: bigint, path: string, name: string, pointer: bigint): number;
  reclaim_vlen_memory(file: bigint, path: string, attribute: string, pointer: bigint): number;
  reclaim_vlen_memory_count(file: bigint, path: string, attribute: string, pointer: bigint, count: bigint[]): number;
  get_plugin_search_paths(): string[];
  insert_plugin_search_path(path: string, index: number): number;
  create_group(file: bigint, path: string, trackOrder: boolean): number;
  create_dataset(file: bigint, path: string, pointer: bigint, metadata: object): number;
  create_vlen_str_dataset(file: bigint, path: string, data: readonly string[], metadata: object): number;
  create_attribute(file: bigint, path: string, name: string, pointer: bigint, metadata: object): number;
  create_vlen_str_attribute(
    file: bigint,
    path: string,
    name: string,
    data: readonly string[],
    metadata: object,
  ): number;
}

/** The h5wasm library as imported. */
export interface H5wasmLibrary {
  readonly ready: Promise<unknown>;
}

/** A started h5wasm and the last thing that libhdf5 complained about. */
export interface H5wasm {
  readonly module: H5wasmModule;
  /**
   * Loads what a filter needs that h5wasm has not itself. Has to come before the filter is used for the first time.
   *
   * @throws UnsupportedError if the package with it is not there
   */
  readonly addPlugin: AddPlugin;
  /** What libhdf5 has written to its error stream since the last call, shortened to its first reason. */
  takeDiagnosis(): string | undefined;
}

/** Puts a plug-in where this build of h5wasm finds it. */
export type InstallPlugin = (module: H5wasmModule, file: string) => Promise<void>;

/** Waits for h5wasm and takes over its error stream, which libhdf5 otherwise prints to the process's own. */
export async function startH5wasm(library: H5wasmLibrary, install: InstallPlugin): Promise<H5wasm> {
  const module = (await library.ready) as H5wasmModule;
  const decoder = new TextDecoder();
  let text = "";
  const errorStream = module.FS.streams[2];
  if (errorStream) {
    // The build for Node has no node behind its standard streams; the write path asks for its mode.
    errorStream.node ??= { mode: 0o020666 };
    errorStream.stream_ops = {
      write(_stream: unknown, buffer: Uint8Array | Int8Array, offset: number, length: number): number {
        if (text.length < 20_000) {
          text += decoder.decode(Uint8Array.from(buffer.subarray(offset, offset + length)));
        }
        return length;
      },
    };
  }
  return {
    module,
    addPlugin: createPluginLoader(module, install),
    takeDiagnosis() {
      const first = /#000: [^\n]*: ([^\n]+)/.exec(text);
      const last = [...text.matchAll(/#\d{3}: [^\n]*\(\): ([^\n]+)/g)].at(-1);
      text = "";
      return last?.[1] ?? first?.[1];
    },
  };
}
