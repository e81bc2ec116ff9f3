import type { TrainingState } from "../backends/trainable-backend.js";
import { crc32 } from "../checksum/crc32.node.js";
import { InvalidCheckpointError, isCnnTransferError } from "../errors.js";
import type { HDF5Engine, HDF5File, HDF5Item } from "../hdf5/engine.js";
import type { NdArray } from "../ndarray.js";
import type { NetworkWeights, Weight } from "../network/network.js";
import type { TrainingFacts } from "./checkpoint-facts.js";
import type { Checkpoint } from "./checkpoint-file.js";
import type { FitState } from "./fit-plan.js";

const format = 1;
const description = "/training";

/** What stands beside the arrays of a checkpoint, as JSON. */
interface Description {
  readonly format: number;
  readonly facts: TrainingFacts;
  readonly fit: FitState;
  readonly step: number;
  /** CRC-32 of all arrays, in the order of `arrays`. */
  readonly checksum: number;
  /** For each group its layers, with the names of their weights. */
  readonly arrays: readonly (readonly [group: string, layers: readonly (readonly [string, readonly string[]])[]])[];
}

/**
 * A checkpoint as the objects of an HDF5 file: `/weights/<layer>/<weight>`, `/slots/<slot>/<layer>/<weight>`,
 * `/best_weights/<layer>/<weight>`, all float32, and `/training`, a text of JSON with everything else.
 */
export function encodeCheckpoint(checkpoint: Checkpoint, facts: TrainingFacts): readonly HDF5Item[] {
  const { fit, network, bestWeights } = checkpoint;
  const groups: (readonly [string, NetworkWeights])[] = [
    ["/weights", network.weights],
    ...[...network.slots].map(([slot, values]) => [`/slots/${escapeName(slot)}`, values] as const),
    ...(bestWeights === undefined ? [] : [["/best_weights", bestWeights] as const]),
  ];
  const items: HDF5Item[] = [];
  let checksum = 0;
  for (const [group, weights] of groups) {
    for (const [layer, own] of weights) {
      for (const { name, array } of own) {
        checksum = crc32(bytesOf(array), checksum);
        items.push({ path: pathOf(group, layer, name), data: array });
      }
    }
  }
  const text: Description = {
    format,
    facts,
    fit,
    step: network.step,
    checksum,
    arrays: groups.map(([group, weights]) => [
      group,
      [...weights].map(([layer, own]) => [layer, own.map(({ name }) => name)] as const),
    ]),
  };
  items.push({ path: description, data: { dtype: "string", shape: [1], data: [JSON.stringify(text, writeNumber)] } });
  return items;
}

/**
 * Reads a checkpoint.
 *
 * @throws InvalidCheckpointError if the file is no checkpoint, is damaged, or of another version of this library
 * @throws FileAccessError if it cannot be read
 */
export async function decodeCheckpoint(
  path: string,
  engine: HDF5Engine,
): Promise<{ readonly checkpoint: Checkpoint; readonly facts: TrainingFacts }> {
  try {
    const file = await engine.open(path);
    try {
      return await decode(file, path);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (isCnnTransferError(cause, "InvalidCheckpointError") || isCnnTransferError(cause, "FileAccessError"))
      throw cause;
    throw damaged(path, "it cannot be read as one", cause);
  }
}

async function decode(file: HDF5File, path: string) {
  const [text = ""] = (await file.stat(description)) === undefined ? [] : await file.readStrings(description);
  const parsed = parseDescription(text);
  if (parsed === undefined) throw damaged(path, "it has no description of a training");
  if (parsed.format !== format) {
    throw damaged(
      path,
      `its format is number ${parsed.format}, and this version of the library reads number ${format}`,
    );
  }
  let checksum = 0;
  const groups = new Map<string, NetworkWeights>();
  for (const [group, layers] of parsed.arrays) {
    const weights = new Map<string, readonly Weight[]>();
    for (const [layer, names] of layers) {
      const own: Weight[] = [];
      for (const name of names) {
        const array = await file.read(pathOf(group, layer, name));
        if (array.dtype !== "float32") throw damaged(path, `${pathOf(group, layer, name)} holds ${array.dtype}`);
        checksum = crc32(bytesOf(array), checksum);
        own.push({ name, array });
      }
      weights.set(layer, own);
    }
    groups.set(group, weights);
  }
  if (checksum !== parsed.checksum) throw damaged(path, "its numbers are not those that were written");
  const slots = new Map(
    [...groups].flatMap(([group, weights]) =>
      group.startsWith("/slots/") ? [[unescapeName(group.slice("/slots/".length)), weights] as const] : [],
    ),
  );
  const network: TrainingState = { step: parsed.step, weights: groups.get("/weights") ?? new Map(), slots };
  return {
    checkpoint: { fit: parsed.fit, network, bestWeights: groups.get("/best_weights") },
    facts: parsed.facts,
  };
}

function parseDescription(text: string): Description | undefined {
  try {
    const parsed = JSON.parse(text, readNumber) as Description | null;
    return typeof parsed?.format === "number" ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** JSON has no numbers that are not finite; a figure of an epoch may be one. */
function writeNumber(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? { number: String(value) } : value;
}

function readNumber(_: string, value: unknown): unknown {
  const text = (value as { readonly number?: unknown } | null)?.number;
  return typeof text === "string" ? Number(text) : value;
}

/** The slash would make groups of a name. */
function escapeName(name: string): string {
  return name
    .replaceAll("%", "%25")
    .replaceAll("/", "%2F")
    .replace(/^\.+$/, (dots) => dots.replaceAll(".", "%2E"));
}

function unescapeName(name: string): string {
  return name.replaceAll("%2E", ".").replaceAll("%2F", "/").replaceAll("%25", "%");
}

function pathOf(group: string, layer: string, name: string): string {
  return `${group}/${escapeName(layer)}/${escapeName(name)}`;
}

function bytesOf({ data }: NdArray<"float32">): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function damaged(path: string, fault: string, cause?: unknown): InvalidCheckpointError {
  return new InvalidCheckpointError(
    `"${path}" is no checkpoint of a training that can be resumed: ${fault}. Remove it to begin anew, or choose another path.`,
    { path, differences: [] },
    { cause },
  );
}
