/**
 * How RGB pixels 0..255 become the input of a pretrained network, by the names of Keras's `preprocess_input`:
 * `caffe` (BGR, minus the ImageNet means), `tf` (scaled to -1..1), `torch` (0..1, then normalised per channel),
 * `none` (unchanged).
 */
export type PreprocessMode = "caffe" | "tf" | "torch" | "none";
