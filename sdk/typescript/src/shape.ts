// How answers are read. The shapes of all objects are generated.

/** How to read an object, in addition to its names: fields that name other objects, and fields that hold them. */
export interface Shape {
  /** Ids of other objects; they can also be read with `Id`. */
  readonly references?: readonly string[];
  /** The shapes of objects inside, alone or in lists. */
  readonly nested?: Readonly<Record<string, string>>;
  /** Objects of the engine whose fields depend on the case, such as a receipt. */
  readonly loose?: readonly string[];
  /** The field whose content depends on the event's type. */
  readonly payload?: string;
}
