// Starts `servePictures` in a thread from the sources. A build has a file of the same name in its place, which holds all
// that the thread needs: tsup.config.ts.
import { tsImport } from "tsx/esm/api";

const { servePictures } = await tsImport("./serve-pictures.node.ts", import.meta.url);
servePictures();
