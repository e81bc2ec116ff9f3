import { expect, test } from "vitest";
import { layersPage } from "../support/layers-page.js";

test("docs/layers.md says what the code reads, runs and writes", async () => {
  await expect(layersPage()).toMatchFileSnapshot("../../docs/layers.md");
});
