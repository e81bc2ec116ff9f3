import { InvalidArgumentError, UnsupportedError } from "../errors.js";
import { describeValue } from "../options/check-option.js";

/**
 * How rows are compressed, by one name; none of them changes a value.
 *
 * `gzip` (levels 1 to 9) is what every HDF5 reader unpacks. The others need the package `h5wasm-plugins` here, and in
 * Python `hdf5plugin`, except `lzf`, which h5py has itself: `zstd` (1 to 22), `lz4`, `lzf`, `bz2` (1 to 9), `bshuf`
 * (bits sorted, then lz4), `blosc` and `blosc2` (1 to 9: bytes sorted, then lz4).
 */
export type Compression =
  | { readonly gzip: number }
  | { readonly zstd: number }
  | { readonly lz4: true }
  | { readonly lzf: true }
  | { readonly bz2: number }
  | { readonly bshuf: true }
  | { readonly blosc: number }
  | { readonly blosc2: number };

/** Name of a way to compress. */
export type CompressionName = "gzip" | "zstd" | "lz4" | "lzf" | "bz2" | "bshuf" | "blosc" | "blosc2";

/** A way to compress with its parameters. */
export interface CompressionFilter {
  readonly name: CompressionName;
  /** Number under which The HDF Group has registered it. */
  readonly id: number;
  /** Its parameters as a filter of HDF5 takes them, before it adds what depends on the data. */
  readonly parameters: readonly number[];
}

interface Kind {
  readonly id: number;
  /** The greatest level; absent if there are none. */
  readonly levels?: number;
  parameters(level: number): readonly number[];
}

/** What each filter's own documentation says of its parameters; 1 is lz4 in Blosc, 2 is lz4 in Bitshuffle. */
const kinds: Readonly<Record<CompressionName, Kind>> = {
  gzip: { id: 1, levels: 9, parameters: (level) => [level] },
  zstd: { id: 32015, levels: 22, parameters: (level) => [level] },
  lz4: { id: 32004, parameters: () => [0] },
  lzf: { id: 32000, parameters: () => [] },
  bz2: { id: 307, levels: 9, parameters: (level) => [level] },
  bshuf: { id: 32008, parameters: () => [0, 2] },
  blosc: { id: 32001, levels: 9, parameters: (level) => [0, 0, 0, 0, level, 1, 1] },
  blosc2: { id: 32026, levels: 9, parameters: (level) => [0, 0, 0, 0, level, 1, 1] },
};

/**
 * Checks the writer's option.
 *
 * @throws UnsupportedError for a name that is not known
 * @throws InvalidArgumentError for a level out of range, or not exactly one name
 */
export function resolveCompression(compression: Compression | undefined): CompressionFilter | undefined {
  if (compression === undefined) return undefined;
  if (typeof compression !== "object" || compression === null) {
    throw new InvalidArgumentError(
      `\`compression\` is ${describeValue(compression)}: expected one name with its level, such as \`{ gzip: 1 }\`.`,
    );
  }
  const entries = Object.entries(compression);
  const unknown = entries.map(([name]) => name).filter((name) => !Object.hasOwn(kinds, name));
  if (unknown.length > 0) {
    throw new UnsupportedError(
      `\`compression\`: "${unknown.join('", "')}" is not among what the writer has: ${Object.keys(kinds).join(", ")}. Use \`{ gzip: 1 }\`, which every HDF5 reader unpacks. Ways that lose something of the values are not among them.`,
    );
  }
  const [entry, ...more] = entries as [CompressionName, unknown][];
  if (!entry || more.length > 0) {
    throw new InvalidArgumentError(
      `\`compression\` must be one name with its level, such as \`{ gzip: 1 }\`; received ${entries.length} names.`,
    );
  }
  const [name, level] = entry;
  const { id, levels, parameters } = kinds[name];
  if (levels === undefined) {
    if (level !== true) {
      throw new InvalidArgumentError(
        `\`compression\`: "${name}" has no levels: pass \`{ ${name}: true }\`; received ${describeValue(level)}.`,
      );
    }
    return { name, id, parameters: parameters(0) };
  }
  if (typeof level !== "number" || !Number.isInteger(level) || level < 1 || level > levels) {
    throw new InvalidArgumentError(
      `\`compression\` must be \`{ ${name}: 1 }\` to \`{ ${name}: ${levels} }\`, received level ${describeValue(level)}.`,
    );
  }
  return { name, id, parameters: parameters(level) };
}
