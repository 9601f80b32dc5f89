// What callers may pass, and how it is written on the wire.

import { VinrError } from './errors.js';

/** RFC 3339 text with its offset, a date (midnight in the program's zone), a `Date`, or Unix seconds. */
export type Instant = string | number | Date;

/** A rate, factor or percent of at most four decimals: `2`, `1.5` or `'1.5'`. */
export type Rate = number | string;

/** Keys and values of your own; they come back as they were sent. */
export type Metadata = { readonly [key: string]: string | number | boolean | undefined };

/** Keys and values to add or replace; `null` removes a key. */
export type MetadataChanges = { readonly [key: string]: string | number | boolean | null | undefined };

/** An object whose fields depend on what it belongs to. */
export type Json = Readonly<Record<string, unknown>>;

/** One of several spellings of a required field: at least one of them has to be there. */
export type OneOf<Name extends string, Value> = {
  [Given in Name]: { [Key in Given]: Value } & { [Key in Exclude<Name, Given>]?: Value | undefined };
}[Name];

/** When something was made. */
export interface Created {
  gt?: Instant | undefined;
  gte?: Instant | undefined;
  lt?: Instant | undefined;
  lte?: Instant | undefined;
}

/** The path of a call with its ids, each quoted whole: an id never reaches beyond its place. */
export function path(texts: TemplateStringsArray, ...ids: string[]): string {
  return texts.reduce((before, text, position) => {
    const id: unknown = ids[position - 1];
    if (typeof id !== 'string' || /^\.*$/.test(id)) {
      throw new VinrError(`${texts.join('…')} needs an id, not ${JSON.stringify(id) ?? 'undefined'}.`);
    }
    return before + encodeURIComponent(id) + text;
  });
}

/** The query string; what is undefined or null is left out. */
export function writeQuery(query: object): string {
  const written = new URLSearchParams();
  const write = (name: string, value: unknown): void => {
    if (value === undefined || value === null) return;
    if (value instanceof Date) written.append(name, instantOf(value, name));
    else if (typeof value === 'object') for (const [key, one] of Object.entries(value)) write(`${name}[${key}]`, one);
    else written.append(name, String(value));
  };
  for (const [name, value] of Object.entries(query)) write(name, value);
  const text = written.toString();
  return text && `?${text}`;
}

/** The body as JSON. What JSON has no word for is refused here: as null it would clear a field. */
export function writeBody(body: object): string {
  return JSON.stringify(body, function (this: Record<string, unknown>, name: string, value: unknown) {
    const given = this[name];
    if (given instanceof Date) return instantOf(given, name);
    if (typeof given === 'number' && !Number.isFinite(given)) throw new VinrError(`${name}: ${given} can't be sent.`);
    return value;
  });
}

function instantOf(date: Date, name: string): string {
  if (Number.isNaN(date.getTime())) throw new VinrError(`${name}: an invalid Date names no instant.`);
  return date.toISOString();
}
