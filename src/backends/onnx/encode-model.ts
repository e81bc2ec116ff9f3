import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { UnsupportedError } from "../../errors.js";
import {
  type Attribute,
  type ElementType,
  elementTypes,
  type GraphNode,
  type GraphValue,
  type Initializer,
  type OnnxGraph,
} from "./graph.js";
import { permute } from "./permute.js";

/** Version of the operator set that the graphs are written in. */
export const opsetVersion = 17;

/** Version of the file format; 8 is the one that came with opset 17. */
const irVersion = 8;

/** A protobuf message, and so a model, ends here. */
const largestMessage = 2 ** 31 - 1;

/**
 * Writes a graph as an ONNX `ModelProto` (field numbers: onnx.proto3 of the ONNX specification, IR version 8).
 *
 * The weights are copied once, from the graph's arrays to their place in the result: a general protobuf writer would
 * hold three copies of VGG16's 554 MB on its way.
 *
 * @throws UnsupportedError if the model would be larger than 2 GiB, which protobuf cannot hold
 */
export function encodeModel(graph: OnnxGraph): Uint8Array<ArrayBuffer> {
  const graphStart = encodeGraphWithoutInitializers(graph);
  const tensors = graph.initializers.map((initializer) => {
    const header = encodeTensorHeader(initializer);
    const byteLength = initializer.data.byteLength;
    // GraphProto.initializer = 5
    const frame = new BinaryWriter()
      .tag(5, WireType.LengthDelimited)
      .uint32(header.length + byteLength)
      .finish();
    return { initializer, header, frame };
  });
  const graphLength = tensors.reduce(
    (length, { initializer, header, frame }) => length + frame.length + header.length + initializer.data.byteLength,
    graphStart.length,
  );
  if (graphLength > largestMessage - 1024) {
    throw new UnsupportedError(
      `Cannot write the network "${graph.name}" as ONNX: it takes ${graphLength} bytes, and an ONNX model ends at ${largestMessage}. ` +
        "Use a backend of TensorFlow.js, or load fewer layers with `outputs`.",
    );
  }
  const modelStart = encodeModelStart(graphLength);

  const bytes = new Uint8Array(modelStart.length + graphLength);
  let position = 0;
  const put = (chunk: Uint8Array) => {
    bytes.set(chunk, position);
    position += chunk.length;
  };
  put(modelStart);
  put(graphStart);
  for (const { initializer, header, frame } of tensors) {
    put(frame);
    put(header);
    put(rawData(initializer));
  }
  return bytes;
}

/** Everything before the graph's own bytes; the graph is the message's last field. */
function encodeModelStart(graphLength: number): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).uint32(irVersion); // ModelProto.ir_version
  writer.tag(2, WireType.LengthDelimited).string("cnn-transfer"); // producer_name
  writer.tag(8, WireType.LengthDelimited).fork(); // opset_import; its empty `domain` is ONNX's own
  writer.tag(2, WireType.Varint).uint32(opsetVersion);
  writer.join();
  writer.tag(7, WireType.LengthDelimited).uint32(graphLength); // graph
  return writer.finish();
}

function encodeGraphWithoutInitializers(graph: OnnxGraph): Uint8Array {
  const writer = new BinaryWriter();
  for (const node of graph.nodes) {
    writer.tag(1, WireType.LengthDelimited).fork(); // GraphProto.node
    writeNode(writer, node);
    writer.join();
  }
  writer.tag(2, WireType.LengthDelimited).string(graph.name);
  for (const [field, values] of [
    [11, graph.inputs],
    [12, graph.outputs],
  ] as const) {
    for (const value of values) {
      writer.tag(field, WireType.LengthDelimited).fork();
      writeValueInfo(writer, value);
      writer.join();
    }
  }
  return writer.finish();
}

function writeNode(writer: BinaryWriter, node: GraphNode): void {
  for (const input of node.inputs) writer.tag(1, WireType.LengthDelimited).string(input);
  for (const output of node.outputs) writer.tag(2, WireType.LengthDelimited).string(output);
  writer.tag(3, WireType.LengthDelimited).string(node.outputs[0] ?? "");
  writer.tag(4, WireType.LengthDelimited).string(node.operator);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    writer.tag(5, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(name);
    writeAttributeValue(writer, attribute);
    writer.join();
  }
}

/** The value and its `type`, as AttributeProto: f = 2, i = 3, s = 4, ints = 8, type = 20. */
function writeAttributeValue(writer: BinaryWriter, attribute: Attribute): void {
  let type: number;
  if ("float" in attribute) {
    writer.tag(2, WireType.Bit32).float(attribute.float);
    type = 1;
  } else if ("int" in attribute) {
    writer.tag(3, WireType.Varint).int64(attribute.int);
    type = 2;
  } else if ("string" in attribute) {
    writer.tag(4, WireType.LengthDelimited).string(attribute.string);
    type = 3;
  } else {
    for (const value of attribute.ints) writer.tag(8, WireType.Varint).int64(value);
    type = 7;
  }
  writer.tag(20, WireType.Varint).uint32(type);
}

/** ValueInfoProto: name = 1, type = 2 { tensor_type = 1 { elem_type = 1, shape = 2 { dim = 1 { value = 1, param = 2 } } } }. */
function writeValueInfo(writer: BinaryWriter, value: GraphValue): void {
  writer.tag(1, WireType.LengthDelimited).string(value.name);
  writer.tag(2, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.Varint).uint32(elementTypes[value.elementType]);
  if (value.shape !== undefined) {
    writer.tag(2, WireType.LengthDelimited).fork();
    value.shape.forEach((size, axis) => {
      writer.tag(1, WireType.LengthDelimited).fork();
      if (size !== null) writer.tag(1, WireType.Varint).int64(size);
      // Axes of one name are of one size, so every unknown axis but the batch has a name of its own.
      else writer.tag(2, WireType.LengthDelimited).string(axis === 0 ? "batch" : `${value.name}_axis${axis}`);
      writer.join();
    });
    writer.join();
  }
  writer.join().join();
}

/** TensorProto up to and including the length of `raw_data`: dims = 1, data_type = 2, name = 8, raw_data = 9. */
function encodeTensorHeader(initializer: Initializer): Uint8Array {
  const writer = new BinaryWriter();
  const shape = initializer.permutation?.map((axis) => initializer.shape[axis] as number) ?? initializer.shape;
  for (const size of shape) writer.tag(1, WireType.Varint).int64(size);
  writer.tag(2, WireType.Varint).uint32(elementTypes[elementTypeOf(initializer.data)]);
  writer.tag(8, WireType.LengthDelimited).string(initializer.name);
  writer.tag(9, WireType.LengthDelimited).uint32(initializer.data.byteLength);
  return writer.finish();
}

function elementTypeOf(data: Initializer["data"]): ElementType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Uint8Array) return "uint8";
  if (data instanceof Int8Array) return "int8";
  return data instanceof Int32Array ? "int32" : "int64";
}

/** The values' bytes, little-endian as ONNX wants them and as every platform of JavaScript has them. */
function rawData(initializer: Initializer): Uint8Array {
  const { data, shape, permutation } = initializer;
  const values = permutation ? permute(data, shape, permutation) : data;
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
