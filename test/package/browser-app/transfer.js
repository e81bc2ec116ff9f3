import { FeatureExtractor, TransferHead } from "cnn-transfer";

/**
 * Features of pictures, a head trained on them, and the head as a file: in Node and in a browser alike.
 *
 * @param {import("cnn-transfer").TrainableBackend | undefined} backend
 * @param {readonly Uint8Array[]} pictures bytes of image files
 * @param {readonly string[]} classLabels picture i is of class i modulo their number
 */
export async function transfer(backend, pictures, classLabels) {
  const extractor = await FeatureExtractor.create({ backbone: "vgg-mini", backend });
  const features = await extractor.extract(pictures);
  const running = { ...describe(extractor.backend), skipped: extractor.backend.skipped };
  await extractor.close();

  const rows = pictures.length;
  const ys = { dtype: "int32", shape: [rows], data: Int32Array.from(pictures, (_, i) => i % classLabels.length) };
  const rowShape = features.shape.slice(1);
  const head = await TransferHead.create({
    inputShape: rowShape,
    classLabels,
    hidden: [16],
    dropout: 0.2,
    normalize: true,
    seed: 1,
    backend,
  });
  const training = describe(head.backend);
  const log = await head.fit(
    {
      length: rows,
      rowShape,
      classLabels,
      async *[Symbol.asyncIterator]() {
        yield { xs: features, ys };
      },
    },
    { epochs: 12 },
  );
  const { data } = await head.predict(features);
  const file = await head.encode();
  await head.close();
  return {
    running,
    training,
    features: [...features.data],
    losses: log.map(({ loss }) => loss),
    probabilities: [...data],
    file: [...file],
  };
}

/** @param {{ readonly name: string, readonly description: string }} backend */
function describe({ name, description }) {
  return { name, description };
}
