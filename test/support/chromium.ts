import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** Path of a Chromium or Chrome on this machine, if there is one; `CHROMIUM` says where else it is. */
export const chromiumPath = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path !== undefined && existsSync(path));

/** For the names of tests that are skipped without it. */
export const chromiumHint = chromiumPath ? "" : " (skipped where Chromium is missing: apt-get install chromium)";

/** Starts it without a window. Its WebGPU, if wanted, is SwiftShader, which computes on the processor. */
export function launchChromium({ webgpu }: { readonly webgpu: boolean }): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath as string,
    args: [
      "--no-sandbox",
      ...(webgpu ? ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"] : ["--disable-features=WebGPU"]),
    ],
  });
}
