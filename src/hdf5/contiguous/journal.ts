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
const entryMagic = 0x324a5443;
/** One commit: some rows and what belongs to them. */
export interface JournalEntry {
  readonly rows: number;
  /** Rows that were announced and will not come, since the last entry. */
  readonly skipped: number;
  /** CRC-32 of all rows up to and with these. */
  readonly checksum: number;
  /** Values of the columns that belong to the rows, up to 32; `undefined` for those that are not there. */
  readonly columns: readonly (Uint8Array | undefined)[];
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

/** Bytes of an entry: a head, whose second field says which columns follow, then each of them behind its length. */
export function encodeJournalEntry(entry: JournalEntry): Uint8Array {
  const payload = entry.columns.reduce((sum, column) => sum + (column ? 4 + column.length : 0), 0);
  const bytes = new Uint8Array(entryHeadBytes + payload);
  const view = new DataView(bytes.buffer);
  let present = 0;
  let offset = entryHeadBytes;
  for (const [i, column] of entry.columns.entries()) {
    if (!column) continue;
    present |= 1 << i;
    view.setUint32(offset, column.length, true);
    bytes.set(column, offset + 4);
    offset += 4 + column.length;
  }
  view.setUint32(0, entryMagic, true);
  view.setUint32(4, present, true);
  view.setUint32(8, entry.rows, true);
  view.setUint32(12, entry.skipped, true);
  view.setUint32(16, entry.checksum, true);
  view.setUint32(20, payload, true);
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
  const present = head.getUint32(4, true);
  const view = new DataView(payload.buffer);
  const columns: (Uint8Array | undefined)[] = [];
  for (let i = 0, offset = 0; offset < payload.length; i++) {
    if (!(present & (1 << i))) {
      columns.push(undefined);
      continue;
    }
    const end = offset + 4 + view.getUint32(offset, true);
    columns.push(payload.subarray(offset + 4, end));
    offset = end;
  }
  return {
    rows: head.getUint32(8, true),
    skipped: head.getUint32(12, true),
    checksum: head.getUint32(16, true),
    columns,
  };
}
