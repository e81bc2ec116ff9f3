import { parentPort, workerData } from "node:worker_threads";
import { readRegularFileSync } from "../files/regular-file.node.js";
import type { ImageInput } from "./image-source.js";
import { type PictureSettings, prepareHere } from "./picture-preparation.js";
import type { PictureAnswer, PictureRequest } from "./picture-thread.node.js";

/** Prepares pictures for the thread that started this one, until it says that it was the last. */
export function servePictures(): void {
  const port = parentPort;
  if (port === null) throw new Error("Pictures are served in a worker thread only.");
  const preparation = prepareHere(workerData as PictureSettings);

  async function prepare(image: ImageInput, target: Uint8Array): Promise<boolean> {
    try {
      const given = typeof image === "string" ? readRegularFileSync(image) : image;
      await preparation.prepare({ image: given, name: "", target });
      return true;
    } catch {
      // Prepared again by the one who asked, to whom the error belongs.
      return false;
    }
  }

  port.on("message", async (request: PictureRequest) => {
    if (request.type === "close") {
      port.close();
      return;
    }
    const answer: PictureAnswer = { id: request.id, isReady: await prepare(request.image, request.target) };
    port.postMessage(answer);
  });
}
