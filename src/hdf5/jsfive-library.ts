/** The parts of jsfive's objects that the adapter uses; the underscored ones are its internals, checked when used. */
export interface JsfiveMessage {
  get(key: "type" | "size" | "flags" | "offset_to_message"): number;
}

export interface JsfiveDataObjects {
  readonly msgs: readonly JsfiveMessage[];
}

export interface JsfiveGroup {
  readonly keys: readonly string[];
  readonly _dataobjects: JsfiveDataObjects;
  get(name: string): JsfiveGroup | JsfiveDataset | null;
}

export interface JsfiveDataset extends Array<never> {
  readonly value: readonly unknown[];
  readonly _dataobjects: JsfiveDataObjects;
}

/** The jsfive library as imported. */
export interface JsfiveLibrary {
  readonly File: new (buffer: ArrayBuffer, name: string) => JsfiveGroup;
}
