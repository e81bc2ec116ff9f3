import { isDownloadUrl, localWeights } from "../backbones/weights-cache.node.js";
import { InvalidArgumentError, InvalidModelError } from "../errors.js";
import { type FetchBytesOptions, fetchBytes } from "../files/fetch-bytes.js";
import type { ByteSource } from "../hdf5/contiguous/byte-source.js";
import { openSource } from "../hdf5/contiguous/open-source.node.js";
import type { HDF5Source } from "../hdf5/engine.js";
import { describeValue } from "../options/check-option.js";

/**
 * Where a Keras file is: a path, a URL (`http:`, `https:`, `file:`; in a browser every text is one), its bytes, a `Blob` or
 * `File`, or the several `File`s of a tfjs model, `model.json` and its shards.
 */
export type KerasSource = string | URL | Uint8Array | ArrayBuffer | Blob | readonly File[];

/** An open source. */
export interface OpenKerasSource {
  /** What to call it in errors. */
  readonly name: string;
  readonly kind: "hdf5" | "zip" | "json";
  readonly bytes: ByteSource;
  /** The same for an HDF5 engine. */
  readonly hdf5: HDF5Source;
  /**
   * The bytes of a file that lies beside it.
   *
   * @throws InvalidModelError if this kind of source has none
   */
  sibling(path: string): Promise<Uint8Array>;
  close(): Promise<void>;
}

const hdf5Signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
const zipSignature = [0x50, 0x4b];
/** A file may have something of its user's before the HDF5 part, of a length that is a power of two. */
const userBlocks = [0, 512, 1024, 2048, 4096, 8192];

/**
 * Opens a source and finds out by its first bytes what it is.
 *
 * @throws InvalidArgumentError if it is none of the kinds of {@link KerasSource}
 * @throws InvalidModelError if it is no file of Keras
 * @throws FileAccessError if it cannot be read
 * @throws WeightsDownloadError if it cannot be downloaded
 */
export async function openKerasSource(source: KerasSource, options: FetchBytesOptions): Promise<OpenKerasSource> {
  const { hdf5, name, sibling } = await resolveSource(source, options);
  const bytes = await openSource(hdf5);
  try {
    const named = { ...bytes, name: name ?? bytes.name };
    return { name: named.name, kind: await kindOf(named), bytes: named, hdf5, sibling, close: () => bytes.close() };
  } catch (error) {
    await bytes.close();
    throw error;
  }
}

type Resolved = { readonly hdf5: HDF5Source; readonly name?: string } & Pick<OpenKerasSource, "sibling">;

async function resolveSource(source: KerasSource, options: FetchBytesOptions): Promise<Resolved> {
  if (Array.isArray(source)) return resolveFiles(source);
  if (typeof source === "string" || source instanceof URL) {
    const text = String(source);
    if (text.trim() === "") throw new InvalidArgumentError("`source` is an empty text: expected a path or a URL.");
    if (isDownloadUrl(text) && !/^file:/i.test(text)) {
      return {
        hdf5: await fetchBytes(text, options),
        name: text,
        sibling: (path) => fetchBytes(siblingUrl(text, path), options),
      };
    }
    const local = localWeights(text) as string;
    return {
      hdf5: local,
      sibling: async (path) => {
        const folder = local.slice(0, Math.max(local.lastIndexOf("/"), local.lastIndexOf("\\")) + 1);
        return readWhole(await openSource(`${folder}${path}`));
      },
    };
  }
  if (source instanceof Uint8Array || source instanceof ArrayBuffer || source instanceof Blob) {
    const name = source instanceof Blob ? ("name" in source ? String(source.name) : "the Blob") : "the bytes";
    return {
      hdf5: source,
      name,
      sibling: async (path) => {
        throw new InvalidModelError(
          `"${name}" refers to the file "${path}" beside it: give its path, its URL, or the \`File\`s of both.`,
        );
      },
    };
  }
  throw new InvalidArgumentError(
    `\`source\` is ${describeValue(source)}: expected a path, a URL, bytes, a Blob, or a list of Files.`,
  );
}

function resolveFiles(files: readonly File[]): Resolved {
  const json = files.filter(({ name }) => name.endsWith(".json"));
  const [main] = files.length === 1 ? files : json;
  if (main === undefined || (files.length > 1 && json.length > 1)) {
    throw new InvalidArgumentError(
      `\`source\` lists ${files.length} files, of which ${json.length} are named *.json: expected the model.json of a tfjs model and its shards.`,
    );
  }
  return {
    hdf5: main,
    name: main.name,
    sibling: async (path) => {
      const wanted = path.split("/").at(-1);
      const file = files.find(({ name }) => name === wanted);
      if (file === undefined) {
        throw new InvalidModelError(
          `"${main.name}" refers to the file "${path}", which is not among those given: ${files.map(({ name }) => `"${name}"`).join(", ")}.`,
        );
      }
      return new Uint8Array(await file.arrayBuffer());
    },
  };
}

/** Query and fragment are those of the model's URL, as signed links need. */
function siblingUrl(url: string, path: string): string {
  const [, base = "", query = ""] = /^([^?#]*\/)?[^?#/]*(\?[^#]*)?/.exec(url) ?? [];
  return `${base}${path.split("/").map(encodeURIComponent).join("/")}${query}`;
}

/** All bytes of a source, which is then closed. */
export async function readWhole(source: ByteSource): Promise<Uint8Array> {
  try {
    const bytes = new Uint8Array(source.size);
    await source.read(0, bytes);
    return bytes;
  } finally {
    await source.close();
  }
}

async function kindOf(source: ByteSource): Promise<OpenKerasSource["kind"]> {
  const start = new Uint8Array(Math.min(source.size, 64));
  await source.read(0, start);
  if (zipSignature.every((byte, at) => start[at] === byte)) return "zip";
  const text = new TextDecoder()
    .decode(start)
    .replace(/^\uFEFF/, "")
    .trimStart();
  if (text.startsWith("{")) return "json";
  for (const position of userBlocks) {
    if (position + hdf5Signature.length > source.size) break;
    const found = new Uint8Array(hdf5Signature.length);
    await source.read(position, found);
    if (hdf5Signature.every((byte, at) => found[at] === byte)) return "hdf5";
  }
  throw new InvalidModelError(
    source.size === 0
      ? `"${source.name}" is empty: expected a Keras model.`
      : `"${source.name}" is no file of Keras: expected HDF5 (.h5), a zip archive (.keras) or JSON (model.json of tfjs), got ${[...start.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")} as its first bytes. A download may have brought a web page instead.`,
  );
}
