import { readFileSync } from "node:fs";
import { mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DownloadProgress } from "../../src/backbones/download-progress.js";
import type { WeightsDownloadError } from "../../src/errors.js";
import { loadKeras } from "../../src/keras/load-keras.js";
import { type Answer, type BrokenServer, serve, startBrokenServer } from "../support/broken-server.js";

const fixtures = fileURLToPath(new URL("../fixtures/keras-files/", import.meta.url));
const model = readFixture("keras3-chain.keras");
const half = Math.floor(model.length / 2);

let server: BrokenServer;

beforeEach(async () => {
  server = await startBrokenServer(serve(model));
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

describe("a good server", () => {
  test.each(["keras3-chain.keras", "keras3-chain.h5", "keras2-nested.h5"])(
    "gives %s as the disk does",
    async (name) => {
      server.answer(serve(readFixture(name)));
      expect(await loadKeras(`${server.url}${name}`)).toEqual(await loadKeras(`${fixtures}${name}`));
      expect(await loadKeras(new URL(`${server.url}${name}?token=1`))).toEqual(await loadKeras(`${fixtures}${name}`));
    },
  );

  test("that does not say how long the file is gives it all the same", async () => {
    server.answer(serve(model, { chunked: true }));
    expect(await loadKeras(`${server.url}x`)).toEqual(await loadKeras(`${fixtures}keras3-chain.keras`));
  });

  test("is told about in progress up to the last byte, and asked again by the next call", async () => {
    const url = `${server.url}folder/chain.keras?token=1`;
    const progress: DownloadProgress[] = [];
    await loadKeras(url, { onProgress: (each) => progress.push(each) });
    const end = { fileName: "chain.keras", url, receivedBytes: model.length, totalBytes: model.length };
    expect(progress.at(-1)).toEqual(end);
    await loadKeras(url);
    expect(server.requests.map((request) => request.url)).toEqual(Array(2).fill("/folder/chain.keras?token=1"));
  });

  test("gives the weights and the config that they belong to", async () => {
    const weights = serve(readFixture("keras3-chain.weights.h5"));
    const config = serve(readFixture("keras3-chain.json"));
    server.answer((request, response) => (request.url === "/weights" ? weights : config)(request, response));
    const loaded = await loadKeras(`${server.url}weights`, { topology: `${server.url}config` });
    expect(loaded.weights).toEqual((await loadKeras(`${fixtures}keras3-chain.keras`)).weights);
  });
});

describe("a download that fails rejects with a WeightsDownloadError without a cache path", () => {
  const page: Answer = (_, response) => void response.writeHead(404, "Not Found").end("<html>no</html>");
  const short: Answer = (_, response) => {
    response.writeHead(200, { "content-length": model.length }).write(model.subarray(0, half));
    setTimeout(() => response.destroy(), 50);
  };

  test.each([
    ["an answer of 404", page, "http-status", "404 Not Found"],
    ["an answer of 503", (_, response) => void response.writeHead(503).end(), "http-status", "503"],
    ["a body that breaks off", serve(model, { breakAt: half }), "network", "the connection failed"],
    ["a body that breaks off, of no known length", serve(model, { breakAt: half, chunked: true }), "network", "failed"],
    ["a connection that ends before all announced bytes came", short, "network", "the connection failed"],
    ["a connection that ends without an answer", (_, response) => void response.destroy(), "network", "failed"],
  ] as [string, Answer, WeightsDownloadError["reason"], string][])("%s", async (_, answer, reason, message) => {
    server.answer(answer);
    const url = `${server.url}chain.keras`;
    const error = await loadKeras(url).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: "WeightsDownloadError", url, reason, cachePath: undefined });
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).toContain("get the file by other means and give its path or bytes");
  });

  test("a server that is not there", async () => {
    const { url } = server;
    await server[Symbol.asyncDispose]();
    await expect(loadKeras(url)).rejects.toMatchObject({ name: "WeightsDownloadError", reason: "network", url });
    server = await startBrokenServer();
  });

  test("the config of weights that are there", async () => {
    server.answer(page);
    const options = { topology: `${server.url}config.json` };
    const loading = loadKeras(`${fixtures}keras3-chain.weights.h5`, options);
    await expect(loading).rejects.toMatchObject({ name: "WeightsDownloadError", url: options.topology });
  });
});

describe("an aborted download", () => {
  test("rejects with the signal's reason and ends the connection", async () => {
    let closed = false;
    server.answer((request, response) => {
      response.on("close", () => {
        closed = true;
      });
      return serve(model, { pieceMilliseconds: 100 })(request, response);
    });
    const controller = new AbortController();
    const reason = new Error("the user closed the window");
    const loading = loadKeras(`${server.url}x`, {
      signal: controller.signal,
      onProgress: ({ receivedBytes }) => receivedBytes > 0 && controller.abort(reason),
    });
    await expect(loading).rejects.toBe(reason);
    for (let i = 0; i < 100 && !closed; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(closed).toBe(true);
  });

  test("that waits for an answer rejects with the signal's reason", async () => {
    server.answer(() => undefined);
    const signal = AbortSignal.timeout(100);
    await expect(loadKeras(`${server.url}x`, { signal })).rejects.toMatchObject({ name: "TimeoutError" });
  });

  test("that was aborted before asks no server", async () => {
    const reason = new Error("before");
    await expect(loadKeras(`${server.url}x`, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(server.requests).toEqual([]);
  });

  test("is also one that a progress callback ends, by what it threw", async () => {
    const failure = new Error("no such element");
    const onProgress = () => {
      throw failure;
    };
    await expect(loadKeras(`${server.url}x`, { onProgress })).rejects.toBe(failure);
  });
});

describe("wrong content of a good server", () => {
  test.each([
    ["a web page", new TextEncoder().encode("<!doctype html><p>Sign in"), "InvalidModelError", "web page"],
    ["an empty file", new Uint8Array(), "InvalidModelError", "is empty"],
    ["half of an archive", model.subarray(0, half), "InvalidModelError", "cut short"],
    ["half of an HDF5 file", readFixture("keras3-chain.h5").subarray(0, 16_000), "InvalidDatasetError", "cut short"],
    ["JSON of something else", new TextEncoder().encode('{"error":"no"}'), "InvalidModelError", "config of a model"],
  ])("is refused by what it is, with the URL: %s", async (_, bytes, name, message) => {
    // Node's `serve` cannot give nothing: it answers 416.
    server.answer((request, response) =>
      bytes.length === 0 ? void response.writeHead(200).end() : serve(bytes)(request, response),
    );
    const url = `${server.url}chain.keras`;
    const error = (await loadKeras(url).catch((caught: unknown) => caught)) as Error;
    expect(error).toMatchObject({ name });
    expect(error.message).toContain(message);
    expect(error.message).toContain(url);
  });
});

test("nothing of a download is kept on the disk", async () => {
  const folder = await mkdtemp(join(tmpdir(), "load-keras-url-"));
  const { KERAS_HOME } = process.env;
  process.env.KERAS_HOME = folder;
  try {
    await loadKeras(`${server.url}chain.keras`);
    server.answer(serve(model, { breakAt: half }));
    await expect(loadKeras(`${server.url}chain.keras`)).rejects.toMatchObject({ name: "WeightsDownloadError" });
    expect(await readdir(folder)).toEqual([]);
  } finally {
    if (KERAS_HOME === undefined) delete process.env.KERAS_HOME;
    else process.env.KERAS_HOME = KERAS_HOME;
  }
});

function readFixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(`${fixtures}${name}`));
}
