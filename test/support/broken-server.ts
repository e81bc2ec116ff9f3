import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request as it came. */
export interface SeenRequest {
  readonly url: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

/** Answers one request. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** An HTTP server on 127.0.0.1 that does whatever a test tells it to. */
export interface BrokenServer extends AsyncDisposable {
  /** Ends in a slash. */
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** How it answers from now on; a list is used up in order, of which the last stays. */
  answer(...answers: readonly Answer[]): void;
}

/** Starts a server. It ends with the test that holds it. */
export async function startBrokenServer(...first: readonly Answer[]): Promise<BrokenServer> {
  const requests: SeenRequest[] = [];
  let answers = [...first];
  const server = createServer((request, response) => {
    const { range, "if-range": ifRange } = request.headers;
    requests.push({ url: request.url ?? "", range, ifRange: ifRange as string | undefined });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    Promise.resolve(answer?.(request, response)).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    answer(...next) {
      answers = [...next];
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** How {@link serve} gives a file. */
export interface ServeOptions {
  /** Default `"v1"`, with its quotes; null for none. */
  readonly etag?: string | null;
  readonly lastModified?: string;
  /** Breaks the connection when so many bytes of the file have been sent, counted from its start. */
  readonly breakAt?: number;
  /** Does not look at `Range`. */
  readonly ignoreRange?: boolean;
  /** Sends this in place of the true `Content-Range`. */
  readonly contentRange?: string;
  /** Sends no `Content-Length`. */
  readonly chunked?: boolean;
  /** Waits between pieces of 16 kB. */
  readonly pieceMilliseconds?: number;
}

/** Gives a file as a good server does, with the faults asked for. */
export function serve(bytes: Uint8Array, options: ServeOptions = {}): Answer {
  const { etag = '"v1"', breakAt = Number.POSITIVE_INFINITY, pieceMilliseconds = 0 } = options;
  return async (request, response) => {
    const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? "") ?? [];
    const same = request.headers["if-range"] === (etag ?? options.lastModified);
    const start = from !== undefined && same && options.ignoreRange !== true ? Number(from) : 0;
    if (start >= bytes.length) {
      response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
      return;
    }
    response.writeHead(start > 0 ? 206 : 200, {
      ...(etag === null ? {} : { etag }),
      ...(options.lastModified === undefined ? {} : { "last-modified": options.lastModified }),
      ...(options.chunked === true ? {} : { "content-length": bytes.length - start }),
      ...(start > 0
        ? { "content-range": options.contentRange ?? `bytes ${start}-${bytes.length - 1}/${bytes.length}` }
        : {}),
    });
    for (let at = start; at < Math.min(bytes.length, breakAt); ) {
      const end = Math.min(at + 16384, bytes.length, breakAt);
      const flushed = response.write(bytes.subarray(at, end));
      if (!flushed) await new Promise((resolve) => response.once("drain", resolve));
      if (pieceMilliseconds > 0) await new Promise((resolve) => setTimeout(resolve, pieceMilliseconds));
      at = end;
    }
    if (bytes.length > breakAt) {
      // Gives the bytes time to arrive: a reset connection throws away what has not been read.
      await new Promise((resolve) => setTimeout(resolve, 50));
      response.destroy();
    } else response.end();
  };
}
