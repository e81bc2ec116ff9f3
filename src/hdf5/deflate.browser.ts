/** Compresses in zlib's format, as HDF5's filter "deflate" wants it. Browsers choose the level themselves. */
export async function deflate(bytes: Uint8Array, _level: number): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
