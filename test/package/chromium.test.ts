import { execFile } from "node:child_process";
import { cp, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, resolve } from "node:path";
import { promisify } from "node:util";
import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { TransferHead } from "../../src/transfer-head.js";
import { chromiumHint, chromiumPath, launchChromium } from "../support/chromium.js";
import { colouredPictures, colours } from "../support/coloured-pictures.js";

const { consumer } = inject("installed");
const app = join(consumer, "browser-app");
const fixtures = resolve(import.meta.dirname, "../fixtures");
const rows = 12;

interface Transferred {
  readonly running: { readonly name: string; readonly description: string; readonly skipped: readonly Skipped[] };
  readonly training: { readonly name: string };
  readonly features: readonly number[];
  readonly losses: readonly number[];
  readonly probabilities: readonly number[];
  readonly file: readonly number[];
}

interface Skipped {
  readonly backend: string;
  readonly reason: string;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".png": "image/png",
};

/** Serves the built app, the pictures, the fixtures and the three files of tfjs's wasm backend, to this machine alone. */
async function serve(): Promise<{ readonly server: Server; readonly url: string }> {
  const folders: readonly (readonly [string, string])[] = [
    ["/wasm/", resolve("node_modules/@tensorflow/tfjs-backend-wasm/dist")],
    ["/pictures/", join(app, "pictures")],
    ["/fixtures/", fixtures],
    ["/", join(app, "dist")],
  ];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
    const [prefix, folder] = folders.find(([start]) => pathname.startsWith(start)) as [string, string];
    const file = join(folder, pathname.slice(prefix.length) || "index.html");
    try {
      const bytes = await readFile(file);
      response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream" }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** What the same job gives in Node, with the same package. */
async function transferInNode(names: readonly string[]): Promise<Transferred> {
  const code = `
    import { readFile } from "node:fs/promises";
    import { tfjsWasm } from "cnn-transfer";
    import { transfer } from "./transfer.js";
    const pictures = await Promise.all(${JSON.stringify(names)}.map((name) => readFile("pictures/" + name)));
    process.stdout.write(JSON.stringify(await transfer(tfjsWasm(), pictures, ${JSON.stringify(colours)})));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code], {
    cwd: app,
    maxBuffer: 2 ** 28,
  });
  return JSON.parse(stdout) as Transferred;
}

function relativeError(actual: readonly number[], expected: readonly number[]): number {
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] ?? Number.NaN)))) / scale;
}

describe.runIf(chromiumPath)(`the package, bundled by Vite, in Chromium${chromiumHint}`, () => {
  let server: Server;
  let url: string;
  let browser: Browser;
  let page: Page;
  let inNode: Transferred;
  const complaints: string[] = [];
  const names = Array.from({ length: rows }, (_, i) => `${i}.png`);

  beforeAll(async () => {
    await cp(join(import.meta.dirname, "browser-app"), app, { recursive: true });
    await writeFile(join(app, "package.json"), JSON.stringify({ type: "module" }));
    await writeFile(
      join(app, "index.html"),
      '<!doctype html><link rel="icon" href="data:,"><script type="module" src="./app.js"></script>',
    );
    await cp(join(fixtures, "images"), join(app, "pictures"), { recursive: true });
    for await (const { image, name } of colouredPictures(rows, [70, 90])) {
      const { data, shape } = image as { readonly data: Uint8Array; readonly shape: readonly number[] };
      const raw = { width: shape[1] as number, height: shape[0] as number, channels: 3 } as const;
      await sharp(data, { raw })
        .png()
        .toFile(join(app, "pictures", `${name.replace("picture ", "")}.png`));
    }
    await build({ root: app, logLevel: "silent", build: { target: "es2022" } });
    inNode = await transferInNode(names);
    ({ server, url } = await serve());
    browser = await launchChromium({ webgpu: true });
    page = await browser.newPage();
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(url);
    await page.waitForFunction("window.runTransfer !== undefined");
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  function call<T>(name: string, ...parameters: readonly unknown[]): Promise<T> {
    return page.evaluate(`window.${name}(...${JSON.stringify(parameters)})`) as Promise<T>;
  }

  test.each([
    ["tfjs-wasm", "tfjs-wasm", []],
    ["tfjs-webgpu", "tfjs-webgpu", []],
    ["auto", "tfjs-wasm", ["tfjs-webgpu"]],
  ] as const)("%s extracts features, trains a head and writes it as in Node", async (asked, name, skipped) => {
    const urls = names.map((picture) => `/pictures/${picture}`);
    const found = await call<Transferred>("runTransfer", asked, urls, colours);
    expect(found.running.name).toBe(name);
    expect(found.running.skipped.map(({ backend }) => backend)).toEqual(skipped);
    expect(found.training.name).toBe(name);
    expect(relativeError(found.features, inNode.features)).toBeLessThan(1e-5);
    expect(relativeError(found.losses, inNode.losses)).toBeLessThan(1e-4);
    expect(relativeError(found.probabilities, inNode.probabilities)).toBeLessThan(1e-4);
    expect(found.losses.at(-1)).toBeLessThan((found.losses[0] as number) / 2);

    await using head = await TransferHead.load(Uint8Array.from(found.file));
    const shape = [rows, found.features.length / rows];
    const { data } = await head.predict({ dtype: "float32", shape, data: Float32Array.from(found.features) });
    expect(relativeError([...data], found.probabilities)).toBeLessThan(1e-4);
  });

  test("a fallback adapter, which is no GPU, is refused unless it is allowed", async () => {
    expect(await call("startWebgpu", {})).toMatch(/fallback adapter.*allowFallbackAdapter/s);
    expect(await call("startWebgpu", { allowFallbackAdapter: true })).toBe("started");
  });

  test("nothing was printed, and nothing went wrong unseen", () => {
    expect(complaints).toEqual([]);
  });

  test("without WebGPU the backend says so", async () => {
    const without = await launchChromium({ webgpu: false });
    try {
      const other = await without.newPage();
      await other.goto(url);
      await other.waitForFunction("window.startWebgpu !== undefined");
      expect(await other.evaluate("window.startWebgpu({})")).toMatch(/no WebGPU|no adapter/);
    } finally {
      await without.close();
    }
  });
});
