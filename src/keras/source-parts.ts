import { isCnnTransferError } from "../errors.js";
import type { ZipArchive } from "../files/zip-reader.js";
import { openAuto } from "../hdf5/auto-engine.js";
import { contiguous } from "../hdf5/contiguous-engine.js";
import type { HDF5Engine, HDF5File, HDF5Source } from "../hdf5/engine.js";
import { isJsonObject } from "./config-reader.js";
import type { OpenKerasSource } from "./keras-source.js";
import type { Json } from "./layer-config.js";
import { parseJson } from "./parse-json.js";

/** Names of the members of a `.keras` archive. */
export const members = { config: "config.json", metadata: "metadata.json", weights: "model.weights.h5" };

/**
 * Opens the HDF5 part of a source. What it would take from other files, by links or as "external storage", is refused,
 * whatever engine reads it. Only the library's own engine can be told what errors are to call bytes.
 */
export function openHDF5(source: HDF5Source, name: string, engine: HDF5Engine | undefined): Promise<HDF5File> {
  return engine === undefined ? openAuto(source, name) : openWithin(source, engine);
}

/** A file of an engine, of which each object is first looked at by the library's own reader. */
async function openWithin(source: HDF5Source, engine: HDF5Engine): Promise<HDF5File> {
  const file = await engine.open(source);
  const own = await openOwn(source, file);
  const after = async <T>(path: string, action: () => Promise<T>): Promise<T> => {
    await attempt(async () => own?.stat(path));
    return action();
  };
  return {
    list: (path) => after(path, () => file.list(path)),
    stat: (path) => after(path, () => file.stat(path)),
    read: (path, rows) => after(path, () => file.read(path, rows)),
    readStrings: (path, rows) => after(path, () => file.readStrings(path, rows)),
    attributes: (path) => after(path, () => file.attributes(path)),
    attribute: (path, name) => after(path, () => file.attribute(path, name)),
    async close() {
      await own?.close();
      await file.close();
    },
  };
}

async function openOwn(source: HDF5Source, file: HDF5File): Promise<HDF5File | undefined> {
  try {
    return await attempt(() => contiguous().open(source));
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What the own reader says; nothing where it does not know how something is stored, as the default engine goes on. */
async function attempt<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (isCnnTransferError(error, "UnsupportedError")) return undefined;
    throw error;
  }
}

/** The `keras_version` that JSON names. */
export function versionIn(json: Json | undefined): string | undefined {
  return isJsonObject(json) && typeof json.keras_version === "string" ? json.keras_version : undefined;
}

/** A JSON member of a `.keras` archive. */
export async function readJsonMember(archive: ZipArchive, member: string, name: string): Promise<Json> {
  return parseJson(new TextDecoder().decode(await archive.read(member)), `"${member}" in "${name}"`);
}

/** A source that is JSON. */
export async function readJsonSource(source: OpenKerasSource): Promise<Json> {
  const bytes = new Uint8Array(source.bytes.size);
  await source.bytes.read(0, bytes);
  return parseJson(new TextDecoder().decode(bytes), `"${source.name}"`);
}
