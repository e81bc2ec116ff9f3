import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { imageFolder } from "../../src/images/image-folder.js";

interface Golden {
  readonly files: readonly string[];
  readonly links: Record<string, string>;
  readonly cases: readonly {
    readonly options: {
      readonly class_names?: readonly string[];
      readonly follow_links?: boolean;
      readonly labels?: null;
    };
    readonly class_names: readonly string[];
    readonly names: readonly string[];
  }[];
}

const golden: Golden = JSON.parse(await readFile(new URL("../fixtures/images/folder.json", import.meta.url), "utf8"));

describe("imageFolder lists what image_dataset_from_directory lists", () => {
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "image-folder-"));
    for (const file of golden.files) {
      await mkdir(path.join(directory, path.dirname(file)), { recursive: true });
      await writeFile(path.join(directory, file), "");
    }
    for (const [link, target] of Object.entries(golden.links)) await symlink(target, path.join(directory, link));
  });
  afterAll(() => rm(directory, { recursive: true }));

  test.each(golden.cases)("with $options", async ({ options, class_names, names }) => {
    const images = await imageFolder(directory, {
      classNames: options.class_names,
      followLinks: options.follow_links,
      labels: options.labels,
    });
    expect(images.classLabels).toEqual(class_names);
    expect(images.images.map(({ name }) => name)).toEqual(names);
    expect(images.images.map(({ image }) => image)).toEqual(names.map((name) => path.join(directory, name)));
    expect([...images.labels]).toEqual(
      options.labels === null ? [] : names.map((name) => class_names.indexOf(name.split("/")[0] as string)),
    );
    expect(images.images.every(({ label }) => (label === undefined) === (options.labels === null))).toBe(true);
  });

  test("further extensions are taken on request, in any case", async () => {
    const images = await imageFolder(directory, { extensions: [".WEBP", ".tiff"], classNames: ["ant"] });
    expect(images.images.map(({ name }) => name)).toEqual(["ant/picture.webp", "ant/scan.TIFF"]);
  });

  test("a slash at the folder's end makes no difference", async () => {
    const [plain, slash] = await Promise.all([imageFolder(directory), imageFolder(`${directory}/`)]);
    expect(slash.images).toEqual(plain.images);
    expect(slash.directory).toBe(`${directory}/`);
  });
});
