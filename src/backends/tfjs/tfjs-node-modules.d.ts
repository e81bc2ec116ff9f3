// Optional peers that most installations lack; what is used of them is declared where they are loaded.
declare module "@tensorflow/tfjs-node";
declare module "@tensorflow/tfjs-node-gpu";
