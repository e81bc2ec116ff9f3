/**
 * Parts of your own: a source of pictures that are made on the fly, and a backend that measures another one.
 * `tsx examples/plug-in.ts`
 */
import { auto, type Backend, createRandom, FeatureExtractor, type ImageSource } from "cnn-transfer";

function timed(backend: Backend): Backend {
  return {
    specVersion: 1,
    name: `timed ${backend.name}`,
    get description() {
      return backend.description;
    },
    init: () => backend.init(),
    async load(network, options) {
      const loaded = await backend.load(network, options);
      return {
        inputShapes: loaded.inputShapes,
        outputs: loaded.outputs,
        async run(inputs, runOptions) {
          const start = performance.now();
          const values = await loaded.run(inputs, runOptions);
          console.log(`${inputs[0]?.shape[0]} pictures in ${(performance.now() - start).toFixed(0)} ms`);
          return values;
        },
        dispose: () => loaded.dispose(),
      };
    },
  };
}

/** Chequered pictures: pixels `[height, width, 3]`, so there is nothing to decode. */
const boards: ImageSource = {
  length: 24,
  classLabels: ["fine", "coarse"],
  async *[Symbol.asyncIterator]() {
    const random = createRandom(1);
    for (let number = 0; number < 24; number++) {
      const label = number % 2;
      const field = label === 0 ? 8 : 32;
      const colours = [random.integerBelow(256), random.integerBelow(256)] as const;
      const data = Uint8Array.from({ length: 224 * 224 * 3 }, (_, index) => {
        const x = Math.floor(index / 3) % 224;
        const y = Math.floor(index / (3 * 224));
        return (Math.floor(x / field) + Math.floor(y / field)) % 2 === 0 ? colours[0] : colours[1];
      });
      yield { image: { dtype: "uint8", shape: [224, 224, 3], data }, name: `board ${number}`, label };
    }
  },
};

await using extractor = await FeatureExtractor.create({
  backbone: "squeezenet",
  weights: "random",
  backend: timed(auto()),
});
for await (const { features, names } of extractor.stream(boards, { batchSize: 8 })) {
  console.log(`${names[0]} to ${names.at(-1)}: features of shape [${features.shape.join(", ")}]`);
}
