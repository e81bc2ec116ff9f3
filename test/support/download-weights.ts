import { obtainWeights } from "../../src/backbones/weights-cache.node.js";

/** Run as a process of its own: downloads one file, told by its arguments, and prints its path. */
const [url = "", fileName = "", md5 = "", cacheDirectory = ""] = process.argv.slice(2);
const path = await obtainWeights({ url, fileName, hash: { algorithm: "md5", hex: md5 } }, { cacheDirectory });
process.stdout.write(String(path));
