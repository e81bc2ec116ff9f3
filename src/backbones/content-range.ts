/** First and last byte (both included) of a part, and the length of the whole. */
export interface ContentRange {
  readonly start: number;
  readonly end: number;
  readonly total: number;
}

/**
 * Reads an HTTP `Content-Range` header of a single part with a known total (RFC 9110, section 14.4); `undefined` if it is
 * missing, of another form, or contradicts itself.
 */
export function parseContentRange(header: string | null): ContentRange | undefined {
  const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header?.trim() ?? "") ?? [];
  if (start === undefined || end === undefined || total === undefined) return undefined;
  const range = { start: Number(start), end: Number(end), total: Number(total) };
  return range.start <= range.end && range.end < range.total ? range : undefined;
}
