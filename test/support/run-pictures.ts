// A small program for tests in a process of its own: has pictures prepared in threads, and ends as its argument says:
// "close", "forget", or while pictures are in hand with "exit" or "throw".
import { preparePictures } from "../../src/images/picture-threads.node.js";

const side = 2000;
const image = { dtype: "uint8", shape: [side, side, 3], data: new Uint8Array(side * side * 3) } as const;

async function main(): Promise<void> {
  const preparation = preparePictures({ size: [4, 4] }, 2);
  const prepare = () => preparation.prepare({ image, name: "black", target: preparation.allocate(48) });
  await prepare();
  console.log("prepared");
  if (process.argv[2] === "close") await preparation.close();
  if (process.argv[2] === "exit" || process.argv[2] === "throw") {
    const all = Promise.all(Array.from({ length: 20 }, prepare));
    setImmediate(() => {
      if (process.argv[2] === "exit") process.exit(7);
      throw new RangeError("out of luck");
    });
    await all;
  }
}

await main();
