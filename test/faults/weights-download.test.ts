import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { WeightsFile } from "../../src/backbones/backbone.js";
import type { DownloadProgress } from "../../src/backbones/download-progress.js";
import { obtainWeights as obtainInBrowser } from "../../src/backbones/weights-cache.browser.js";
import { obtainWeights } from "../../src/backbones/weights-cache.node.js";
import { isCnnTransferError, type WeightsDownloadError } from "../../src/errors.js";
import { createRandom } from "../../src/random.js";
import { type BrokenServer, serve, startBrokenServer } from "../support/broken-server.js";

const fileName = "weights.h5";
const total = 300_000;
const broken = 120_000;
const random = createRandom(1);
const hdf5Start = Uint8Array.from("\x89HDF\r\n\x1a\n", (character) => character.charCodeAt(0));
const published = makeFile();
const otherVersion = makeFile();

let cacheDirectory: string;
let server: BrokenServer;

beforeEach(async () => {
  cacheDirectory = await mkdtemp(join(tmpdir(), "weights-download-"));
  server = await startBrokenServer(serve(published));
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(cacheDirectory, { recursive: true, force: true });
});

describe("a good server", () => {
  test("gives the file, with progress from the first to the last byte, and the cache answers the second time", async () => {
    const progress: DownloadProgress[] = [];
    const path = await obtainWeights(file(), { cacheDirectory, onProgress: (each) => progress.push(each) });
    expect(path).toBe(join(cacheDirectory, fileName));
    expect(await cached()).toBe(md5(published));
    expect(progress[0]).toEqual({ fileName, url: file().url, receivedBytes: 0, totalBytes: total });
    expect(progress.at(-1)?.receivedBytes).toBe(total);
    await obtainWeights(file(), { cacheDirectory });
    expect(server.requests).toHaveLength(1);
    expect(await readdir(cacheDirectory)).toEqual([fileName]);
  });

  test("is followed through a redirect to another server", async () => {
    await using other = await startBrokenServer((_, response) => {
      response.writeHead(302, { location: `${server.url}${fileName}` }).end();
    });
    await obtainWeights({ ...file(), url: `${other.url}elsewhere` }, { cacheDirectory });
    expect(await cached()).toBe(md5(published));
  });

  test("that does not say how long the file is gives it all the same", async () => {
    server.answer(serve(published, { chunked: true }));
    await obtainWeights(file(), { cacheDirectory });
    expect(await cached()).toBe(md5(published));
  });

  test.each([
    ["sha256" as const, createHash("sha256").update(published).digest("hex")],
    ["md5" as const, md5(published)],
  ])("gives a file that is verified by its %s", async (algorithm, hex) => {
    await obtainWeights(file({ hash: { algorithm, hex } }), { cacheDirectory });
    expect(await cached()).toBe(md5(published));
  });

  test("gives a file without a published hash if it is an HDF5 file", async () => {
    await obtainWeights(withoutHash(), { cacheDirectory });
    expect(await cached()).toBe(md5(published));
  });
});

describe("a broken download", () => {
  test("is continued in the same call where it stopped", async () => {
    server.answer(serve(published, { breakAt: broken }), serve(published));
    await obtainWeights(file(), { cacheDirectory });
    expect(await cached()).toBe(md5(published));
    expect(server.requests.map(({ range, ifRange }) => [range, ifRange])).toEqual([
      [undefined, undefined],
      [`bytes=${broken}-`, '"v1"'],
    ]);
    expect(await readdir(cacheDirectory)).toEqual([fileName]);
  });

  test("is continued by the next call where it stopped", async () => {
    await breakOff();
    server.answer(serve(published));
    const progress: DownloadProgress[] = [];
    await obtainWeights(file(), { cacheDirectory, onProgress: (each) => progress.push(each) });
    expect(server.requests.at(-1)?.range).toBe(`bytes=${broken}-`);
    expect(progress[0]?.receivedBytes).toBe(broken);
    expect(await cached()).toBe(md5(published));
    expect(await readdir(cacheDirectory)).toEqual([fileName]);
  });

  test("is continued by the date of the file where the server sends no ETag", async () => {
    const dated = { etag: null, lastModified: "Mon, 01 Jan 2024 00:00:00 GMT" };
    server.answer(serve(published, { ...dated, breakAt: broken }), serve(published, dated));
    await obtainWeights(file(), { cacheDirectory });
    expect(server.requests.at(-1)).toMatchObject({ range: `bytes=${broken}-`, ifRange: dated.lastModified });
    expect(await cached()).toBe(md5(published));
  });

  test("begins anew if the file has changed on the server, and does not splice the two", async () => {
    await breakOff();
    server.answer(serve(otherVersion, { etag: '"v2"' }));
    await obtainWeights(withoutHash(), { cacheDirectory });
    expect(await cached()).toBe(md5(otherVersion));
  });

  test.each([
    ["answers for other bytes than asked for", { contentRange: `bytes 5-${total - 1}/${total}` }],
    ["answers with a nonsensical range", { contentRange: "bytes */*" }],
  ])("begins anew if the server %s", async (_, fault) => {
    await breakOff();
    server.answer(serve(otherVersion, fault), serve(published));
    await obtainWeights(withoutHash(), { cacheDirectory });
    expect(await cached()).toBe(md5(published));
  });

  test("begins anew if the file has another length by now although its ETag is the same", async () => {
    await breakOff();
    server.answer(serve(new Uint8Array(total + 1)), serve(published));
    await obtainWeights(withoutHash(), { cacheDirectory });
    expect(await cached()).toBe(md5(published));
  });

  test("begins anew if the answer has another ETag although the server claims to continue", async () => {
    await breakOff();
    server.answer(
      (_, response) => {
        const headers = { etag: '"v2"', "content-range": `bytes ${broken}-${total - 1}/${total}` };
        response.writeHead(206, headers).end(otherVersion.subarray(broken));
      },
      serve(otherVersion, { etag: '"v2"' }),
    );
    await obtainWeights(withoutHash(), { cacheDirectory });
    expect(await cached()).toBe(md5(otherVersion));
  });

  test("begins anew if the server does not know ranges", async () => {
    await breakOff();
    server.answer(serve(published, { ignoreRange: true }));
    await obtainWeights(file(), { cacheDirectory });
    expect(await cached()).toBe(md5(published));
  });

  test("begins anew if the server sent nothing that names the version", async () => {
    server.answer(serve(published, { etag: null, breakAt: broken }), serve(published, { etag: null }));
    await obtainWeights(file(), { cacheDirectory });
    expect(server.requests.map(({ range }) => range)).toEqual([undefined, undefined]);
    expect(await cached()).toBe(md5(published));
  });

  test("begins anew if the file on the server is shorter by now", async () => {
    await breakOff();
    const short = published.subarray(0, broken - 1);
    server.answer((_, response) => void response.writeHead(416).end(), serve(short, { etag: '"v2"' }));
    await obtainWeights(withoutHash(), { cacheDirectory });
    expect(await cached()).toBe(md5(short));
  });

  test("is continued after a process was killed in the middle of it", async () => {
    server.answer(serve(published, { pieceMilliseconds: 30 }));
    const child = download();
    await until(async () => (await partialBytes()) >= 50_000);
    child.process.kill("SIGKILL");
    await child.ended;
    expect(existsSync(join(cacheDirectory, fileName))).toBe(false);

    server.answer(serve(published));
    await obtainWeights(file(), { cacheDirectory });
    expect(Number(/\d+/.exec(server.requests.at(-1)?.range ?? "")?.[0])).toBeGreaterThanOrEqual(50_000);
    expect(await cached()).toBe(md5(published));
    expect(await readdir(cacheDirectory)).toEqual([fileName]);
  });

  test("is continued after it was aborted, which rejects with the signal's reason", async () => {
    server.answer(serve(published, { pieceMilliseconds: 30 }));
    const controller = new AbortController();
    const reason = new Error("the user closed the window");
    const aborted = obtainWeights(file(), {
      cacheDirectory,
      signal: controller.signal,
      onProgress: ({ receivedBytes }) => receivedBytes > 50_000 && controller.abort(reason),
    });
    await expect(aborted).rejects.toBe(reason);
    server.answer(serve(published));
    await obtainWeights(file(), { cacheDirectory });
    expect(server.requests.at(-1)?.range).toMatch(/^bytes=\d+-$/);
    expect(await cached()).toBe(md5(published));
  });
});

describe("a progress callback that throws", () => {
  // Node's own errors of files look like this one, and would else be taken for a disk that refuses.
  const failures = [new Error("no such element"), new TypeError("x is not a function"), disk(), "text"];

  test.each(failures)("stops the download, which rejects with just that: %s", async (failure) => {
    for (const from of [0, 50_000]) {
      const throwing = obtainWeights(file(), {
        cacheDirectory,
        onProgress: ({ receivedBytes }) => {
          if (receivedBytes >= from) throw failure;
        },
      });
      await expect(throwing).rejects.toBe(failure);
    }
    await obtainWeights(file(), { cacheDirectory });
    expect(await cached()).toBe(md5(published));
  });

  test.each(failures)("does so in a browser: %s", async (failure) => {
    const onProgress = () => {
      throw failure;
    };
    await expect(obtainInBrowser(file(), { onProgress })).rejects.toBe(failure);
  });

  function disk(): Error {
    return Object.assign(new Error("ENOSPC"), { code: "ENOSPC", syscall: "write" });
  }
});

describe("two processes that download the same file at once", () => {
  test("both get the right file and leave nothing else behind", async () => {
    server.answer(serve(published, { pieceMilliseconds: 20 }));
    const children = [download(), download()];
    await until(async () => (await readdir(cacheDirectory)).length === 2);
    const ends = await Promise.all(children.map((child) => child.ended));
    expect(ends).toEqual([
      { code: 0, output: join(cacheDirectory, fileName) },
      { code: 0, output: join(cacheDirectory, fileName) },
    ]);
    expect(await cached()).toBe(md5(published));
    expect(await readdir(cacheDirectory)).toEqual([fileName]);
  });

  test("do not take each other's unfinished download, also after a third was killed", async () => {
    server.answer(serve(published, { pieceMilliseconds: 20 }));
    const killed = download();
    await until(async () => (await partialBytes()) >= 30_000);
    killed.process.kill("SIGKILL");
    await killed.ended;
    const ends = await Promise.all([download(), download(), download()].map((child) => child.ended));
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(server.requests.filter(({ range }) => range !== undefined)).toHaveLength(1);
    expect(await cached()).toBe(md5(published));
    expect(await readdir(cacheDirectory)).toEqual([fileName]);
  });
});

describe("an error that names the URL, the cache path and the way to go on offline is thrown if", () => {
  test("there is no network", async () => {
    const refused = `http://127.0.0.1:${await freePort()}/${fileName}`;
    const error = await failure({ ...file(), url: refused });
    expect(error).toMatchObject({ reason: "network", url: refused });
    expect(error.message).toContain("ECONNREFUSED");
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  test("the name of the server is not known", async () => {
    expect(await failure({ ...file(), url: `http://no-such-host.invalid/${fileName}` })).toMatchObject({
      reason: "network",
    });
  });

  test.each([404, 403, 500, 503])("the server answers %i", async (status) => {
    server.answer((_, response) => void response.writeHead(status).end("no"));
    const error = await failure();
    expect(error.reason).toBe("http-status");
    expect(error.message).toContain(`answered ${status}`);
    expect(await readdir(cacheDirectory)).toEqual([]);
  });

  test("redirects never end", async () => {
    server.answer((_, response) => void response.writeHead(302, { location: "/again" }).end());
    expect((await failure()).reason).toBe("network");
  });

  test("the body ends early each time and brings nothing new", async () => {
    server.answer(serve(published, { breakAt: broken }));
    const error = await failure();
    expect(error.reason).toBe("network");
    expect(error.message).toContain(`${broken} of ${total} bytes`);
    expect(server.requests.length).toBeLessThan(5);
  });

  test("the connection brings nothing any more", async () => {
    server.answer((_, response) => {
      response.writeHead(200, { "content-length": total }).write(published.subarray(0, broken));
    });
    const error = await failure(file(), { idleMilliseconds: 300 });
    expect(error.reason).toBe("network");
    expect(error.message).toContain("nothing came for 0.3 seconds");
  });

  test("the server accepts the connection and never answers", async () => {
    server.answer(() => undefined);
    expect((await failure(file(), { idleMilliseconds: 300 })).message).toContain("nothing came for 0.3 seconds");
  });

  test("the hash is wrong; nothing is kept, so that the next call gets the right file", async () => {
    server.answer(serve(otherVersion));
    const error = await failure();
    expect(error.reason).toBe("hash");
    expect(error.message).toContain(md5(published));
    expect(error.message).toContain(md5(otherVersion));
    expect(await readdir(cacheDirectory)).toEqual([]);
    server.answer(serve(published));
    await obtainWeights(file(), { cacheDirectory });
    expect(await cached()).toBe(md5(published));
  });

  test("the server offers another length than the published one, before anything is fetched", async () => {
    server.answer(serve(published.subarray(0, 1000)));
    const error = await failure(file({ bytes: total }));
    expect(error.reason).toBe("size");
    expect(error.message).toContain("1000");
    expect(error.message).toContain(`${total}`);
  });

  test("a chunked body ends before the published length", async () => {
    server.answer(serve(published.subarray(0, 1000), { chunked: true }));
    expect((await failure(file({ bytes: total }))).reason).toBe("network");
  });

  test("more comes than the published length", async () => {
    server.answer(serve(published, { chunked: true }));
    expect((await failure(file({ bytes: 1000 }))).reason).toBe("size");
  });

  test("what comes for a file without a published hash is a login page", async () => {
    server.answer((_, response) => void response.writeHead(200).end("<html>Please log in</html>"));
    const error = await failure(withoutHash());
    expect(error.reason).toBe("hash");
    expect(error.message).toContain("not an HDF5 file");
    expect(await readdir(cacheDirectory)).toEqual([]);
  });

  test("the file in the cache has a wrong hash: it is neither used nor replaced", async () => {
    await writeFile(join(cacheDirectory, fileName), "something else");
    const error = await failure(file({ bytes: total }));
    expect(error.reason).toBe("hash");
    expect(error.message).toContain("Delete it");
    expect(error.message).toContain(`14 bytes, not ${total}`);
    expect(server.requests).toEqual([]);
    expect(await readFile(join(cacheDirectory, fileName), "utf8")).toBe("something else");
  });

  test("the cache folder cannot be made", async () => {
    await writeFile(join(cacheDirectory, "a-file"), "");
    const error = await failure(file(), {}, join(cacheDirectory, "a-file", "models"));
    expect(error.reason).toBe("disk");
    expect(error.message).toContain("ENOTDIR");
  });

  // /dev/full is a file to which every write fails as on a full disk.
  test.skipIf(!existsSync("/dev/full"))("the disk is full (needs /dev/full)", async () => {
    const partial = join(cacheDirectory, `${fileName}.partial`);
    await mkdir(partial);
    await symlink("/dev/full", join(partial, "data"));
    const error = await failure();
    expect(error.reason).toBe("disk");
    expect(error.message).toContain("the disk is full (ENOSPC)");
    await rm(partial, { recursive: true, force: true });
    await obtainWeights(file(), { cacheDirectory });
    expect(await cached()).toBe(md5(published));
  });
});

function file(more: Partial<WeightsFile> = {}): WeightsFile {
  return { ...withoutHash(), hash: { algorithm: "md5", hex: md5(published) }, ...more };
}

function withoutHash(): WeightsFile {
  return { url: `${server.url}${fileName}`, fileName };
}

/** Leaves a download behind that broke off: the server goes away for good after some bytes. */
async function breakOff(): Promise<void> {
  server.answer(serve(published, { breakAt: broken }), (_, response) => void response.destroy());
  await expect(obtainWeights(file(), { cacheDirectory })).rejects.toThrow(/connection broke after 120000 of 300000/);
}

async function failure(
  wanted: WeightsFile = file(),
  options: { readonly idleMilliseconds?: number } = {},
  folder = cacheDirectory,
): Promise<WeightsDownloadError> {
  const error: unknown = await obtainWeights(wanted, { cacheDirectory: folder, ...options }).then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  if (!isCnnTransferError(error, "WeightsDownloadError")) throw error;
  const cachePath = join(folder, fileName);
  expect(error).toMatchObject({ url: wanted.url, cachePath });
  for (const part of [wanted.url, cachePath, "`weights`"]) expect(error.message).toContain(part);
  return error;
}

/** Hash of the finished file. */
async function cached(): Promise<string> {
  return md5(await readFile(join(cacheDirectory, fileName)));
}

/** Runs the download in a process of its own. */
function download(): {
  readonly process: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>;
} {
  const script = fileURLToPath(new URL("../support/download-weights.ts", import.meta.url));
  const { url, hash } = file();
  const child = spawn(process.execPath, ["--import", "tsx", script, url, fileName, hash?.hex ?? "", cacheDirectory], {
    stdio: ["ignore", "pipe", "inherit"],
    cwd: resolve(fileURLToPath(new URL("../..", import.meta.url))),
  });
  let output = "";
  child.stdout?.on("data", (chunk) => {
    output += String(chunk);
  });
  return {
    process: child,
    ended: new Promise((done) => child.on("close", (code) => done({ code, output }))),
  };
}

async function partialBytes(): Promise<number> {
  for (const name of await readdir(cacheDirectory)) {
    const data = await readFile(join(cacheDirectory, name, "data")).catch(() => undefined);
    if (data !== undefined) return data.length;
  }
  return 0;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((done) => setTimeout(done, 10));
  }
  throw new Error("waited 20 seconds in vain");
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done) => probe.listen(0, "127.0.0.1", done));
  const address = probe.address();
  await new Promise((done) => probe.close(done));
  return typeof address === "object" && address !== null ? address.port : 0;
}

function makeFile(): Uint8Array {
  const bytes = Uint8Array.from({ length: total }, () => random.uint32());
  bytes.set(hdf5Start);
  return bytes;
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}
