// What answers are read by. The shapes of all objects are generated.

/** What is known of an object beside its names: fields that name other objects, and fields that hold some. */
export interface Shape {
  /** Ids of other objects; they read with `Id` too. */
  readonly references?: readonly string[];
  /** The shapes of objects inside, alone or in lists. */
  readonly nested?: Readonly<Record<string, string>>;
  /** Objects of the engine's making whose fields depend on the case, such as a receipt. */
  readonly loose?: readonly string[];
  /** The field whose content depends on the event's type. */
  readonly payload?: string;
}
