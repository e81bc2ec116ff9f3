// Starts `servePictures` in a thread from the sources. A build has a file of the same name in its place, which holds all
// that the thread needs: tsup.config.ts. So have tests, which start hundreds of threads: test/support/picture-worker-bundle.ts.
const bundle = process.env.CNN_TRANSFER_PICTURE_WORKER;
if (bundle) {
  await import(bundle);
} else {
  const { tsImport } = await import("tsx/esm/api");
  const { servePictures } = await tsImport("./serve-pictures.node.ts", import.meta.url);
  servePictures();
}
