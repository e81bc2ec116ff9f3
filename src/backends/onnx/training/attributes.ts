import type { GraphNode } from "../graph.js";

/** A node's attribute that is a list of integers. */
export function attributeInts(node: GraphNode, name: string, otherwise: readonly number[] = []): readonly number[] {
  const attribute = node.attributes[name];
  return attribute !== undefined && "ints" in attribute ? attribute.ints : otherwise;
}

/** A node's attribute that is a number. */
export function attributeNumber(node: GraphNode, name: string, otherwise = 0): number {
  const attribute = node.attributes[name];
  if (attribute === undefined) return otherwise;
  if ("int" in attribute) return attribute.int;
  return "float" in attribute ? attribute.float : otherwise;
}

/** A node's attribute that is a text; empty where it has none. */
export function attributeText(node: GraphNode, name: string): string {
  const attribute = node.attributes[name];
  return attribute !== undefined && "string" in attribute ? attribute.string : "";
}
