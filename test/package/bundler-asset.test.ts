import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "vite";
import { describe, expect, inject, test } from "vitest";

const { consumer } = inject("installed");

describe("the weights inside the package", () => {
  test("are brought along by Vite, as a file beside the app's code and not inside of it", async () => {
    const app = join(consumer, "vite-app");
    await mkdir(app, { recursive: true });
    await writeFile(join(app, "index.html"), '<script type="module" src="./app.js"></script>');
    await writeFile(
      join(app, "app.js"),
      'import { vggMini } from "cnn-transfer";\nconsole.log(vggMini.weightsFile({ includeTop: false, imageSize: [64, 64] }).url);\n',
    );
    await build({ root: app, logLevel: "silent", build: { outDir: "dist", minify: false } });
    const files = await readdir(join(app, "dist/assets"));
    const weights = files.filter((file) => /^vgg-mini-.+\.h5$/.test(file));
    expect(weights).toHaveLength(1);
    const { size } = await stat(join(app, "dist/assets", weights[0] ?? ""));
    expect(size).toBe((await stat(join(consumer, "node_modules/cnn-transfer/assets/vgg-mini.h5"))).size);
    expect(size).toBeLessThanOrEqual(2_800_000);
    const entry = files.find((file) => /^index-.+\.js$/.test(file)) ?? "no entry";
    expect((await stat(join(app, "dist/assets", entry))).size).toBeLessThan(1_000_000);
  });
});
