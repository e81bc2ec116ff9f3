import type { ZipArchive } from "../files/zip-reader.js";
import { openAuto } from "../hdf5/auto-engine.js";
import type { HDF5Engine, HDF5File, HDF5Source } from "../hdf5/engine.js";
import { isJsonObject } from "./config-reader.js";
import type { OpenKerasSource } from "./keras-source.js";
import type { Json } from "./layer-config.js";
import { parseJson } from "./parse-json.js";

/** Names of the members of a `.keras` archive. */
export const members = { config: "config.json", metadata: "metadata.json", weights: "model.weights.h5" };

/** Opens the HDF5 part of a source. Only the library's own engine can be told what errors are to call bytes. */
export function openHDF5(source: HDF5Source, name: string, engine: HDF5Engine | undefined): Promise<HDF5File> {
  return engine === undefined ? openAuto(source, name) : engine.open(source);
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
