// The types of the values that callers may pass.

/** RFC 3339 text with its offset, a date (midnight in the program's zone), a `Date`, or Unix seconds. */
export type Instant = string | number | Date;

/** A rate, factor or percent of at most four decimals: `2`, `1.5` or `'1.5'`. */
export type Rate = number | string;

/** Your own keys and values; they come back as you sent them. */
export type Metadata = { readonly [key: string]: string | number | boolean | undefined };

/** Keys and values to add or replace; `null` removes a key. */
export type MetadataChanges = { readonly [key: string]: string | number | boolean | null | undefined };

/** An object whose fields depend on what it belongs to. */
export type Json = Readonly<Record<string, unknown>>;

/** One of several spellings of a required field: at least one of them must be present. */
export type OneOf<Name extends string, Value> = {
  [Given in Name]: { [Key in Given]: Value } & { [Key in Exclude<Name, Given>]?: Value | undefined };
}[Name];

/** Bounds on an instant of listed objects, such as when they were created. */
export interface InstantRange {
  gt?: Instant | undefined;
  gte?: Instant | undefined;
  lt?: Instant | undefined;
  lte?: Instant | undefined;
}

/** Bounds on when listed objects were created. */
export type Created = InstantRange;
