import { crc32 } from "../../checksum/crc32.node.js";
import type { ByteSource } from "./byte-source.js";

/**
 * The journal of an unfinished file: a head that says what is being written, then one entry per commit. An entry is
 * appended after its rows are in the file and holds what small things belong to them; its checksum makes it count
 * whole or not at all. Where the journal ends, the file ends.
 */
const magic = "CTJRNL01";
const headBytes = 16;
const entryHeadBytes = 32;
const entryMagic = 0x314a5443;
const hasLabels = 1;
const hasNames = 2;

/** One commit: some rows and what belongs to them. */
export interface JournalEntry {
  readonly rows: number;
  /** Rows that were announced and will not come, since the last entry. */
  readonly skipped: number;
  /** CRC-32 of all rows up to and with these. */
  readonly checksum: number;
  readonly labels: Int32Array | undefined;
  readonly names: readonly string[] | undefined;
}

/** The head: a description in JSON. */
export function encodeJournalHead(description: unknown): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(description));
  const bytes = new Uint8Array(headBytes + json.length);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(magic));
  view.setUint32(8, json.length, true);
  view.setUint32(12, crc32(json), true);
  bytes.set(json, headBytes);
  return bytes;
}

/** Reads the head; `undefined` if it was not written to its end. */
export async function readJournalHead(
  source: ByteSource,
): Promise<{ readonly description: unknown; readonly end: number } | undefined> {
  if (source.size < headBytes) return undefined;
  const head = new Uint8Array(headBytes);
  await source.read(0, head);
  const view = new DataView(head.buffer);
  const length = view.getUint32(8, true);
  if (new TextDecoder().decode(head.subarray(0, 8)) !== magic || headBytes + length > source.size) return undefined;
  const json = new Uint8Array(length);
  await source.read(headBytes, json);
  if (crc32(json) !== view.getUint32(12, true)) return undefined;
  return { description: JSON.parse(new TextDecoder().decode(json)), end: headBytes + length };
}

export function encodeJournalEntry(entry: JournalEntry): Uint8Array {
  const encoder = new TextEncoder();
  const names = entry.names?.map((name) => encoder.encode(name)) ?? [];
  const labelBytes = entry.labels ? 4 * entry.rows : 0;
  const payload = names.reduce((sum, name) => sum + 4 + name.length, labelBytes);
  const bytes = new Uint8Array(entryHeadBytes + payload);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, entryMagic, true);
  view.setUint32(4, (entry.labels ? hasLabels : 0) | (entry.names ? hasNames : 0), true);
  view.setUint32(8, entry.rows, true);
  view.setUint32(12, entry.skipped, true);
  view.setUint32(16, entry.checksum, true);
  view.setUint32(20, payload, true);
  let offset = entryHeadBytes;
  if (entry.labels) {
    for (const label of entry.labels) {
      view.setInt32(offset, label, true);
      offset += 4;
    }
  }
  for (const name of names) {
    view.setUint32(offset, name.length, true);
    bytes.set(name, offset + 4);
    offset += 4 + name.length;
  }
  view.setUint32(28, crc32(bytes.subarray(entryHeadBytes), crc32(bytes.subarray(0, 28))), true);
  return bytes;
}

/** Reads entries in order, each with the position after it, up to the first that was not written to its end. */
export async function* readJournalEntries(
  source: ByteSource,
  start: number,
): AsyncGenerator<{ readonly entry: JournalEntry; readonly end: number }> {
  for (let position = start; position + entryHeadBytes <= source.size; ) {
    const head = new Uint8Array(entryHeadBytes);
    await source.read(position, head);
    const view = new DataView(head.buffer);
    const payloadBytes = view.getUint32(20, true);
    const end = position + entryHeadBytes + payloadBytes;
    if (view.getUint32(0, true) !== entryMagic || end > source.size) return;
    const payload = new Uint8Array(payloadBytes);
    await source.read(position + entryHeadBytes, payload);
    if (crc32(payload, crc32(head.subarray(0, 28))) !== view.getUint32(28, true)) return;
    yield { entry: decodeEntry(view, payload), end };
    position = end;
  }
}

function decodeEntry(head: DataView, payload: Uint8Array): JournalEntry {
  const flags = head.getUint32(4, true);
  const rows = head.getUint32(8, true);
  const view = new DataView(payload.buffer);
  let offset = 0;
  let labels: Int32Array | undefined;
  if (flags & hasLabels) {
    labels = Int32Array.from({ length: rows }, (_, i) => view.getInt32(4 * i, true));
    offset = 4 * rows;
  }
  let names: string[] | undefined;
  if (flags & hasNames) {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    names = Array.from({ length: rows }, () => {
      const length = view.getUint32(offset, true);
      const name = decoder.decode(payload.subarray(offset + 4, offset + 4 + length));
      offset += 4 + length;
      return name;
    });
  }
  return { rows, skipped: head.getUint32(12, true), checksum: head.getUint32(16, true), labels, names };
}
