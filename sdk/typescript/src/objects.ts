// Answers as objects: each field under its camelCase name and, not enumerable, under the name it has on the wire.

import { EVENT_DATA, SHAPES } from './generated/shapes.js';
import type { Json } from './values.js';

const ENGINE_PREFIXES = new Set(Object.keys(EVENT_DATA).map(prefixOf));

/** An answer of the named shape. Metadata and what else the caller chose the keys of stay as they are. */
export function readObject(shapeName: string | undefined, value: unknown): unknown {
  if (Array.isArray(value)) return value.map(one => readObject(shapeName, one));
  const shape = shapeName === undefined ? undefined : SHAPES[shapeName];
  if (shape === undefined || !isObject(value)) return value;
  return renamed(value, shape.references ?? [], (name, one) => {
    if (shape.payload === name) return readPayload(value['type'], one);
    return shape.loose?.includes(name) ? readLoosely(one) : readObject(shape.nested?.[name], one);
  });
}

/** An object of the engine's making that has no shape of its own: all names but those inside of metadata. */
export function readLoosely(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readLoosely);
  if (!isObject(value)) return value;
  return renamed(value, [], (name, one) => (name === 'metadata' ? one : readLoosely(one)));
}

/** An event's data: read as the object it is if the engine sent it, as it came if it was reported. */
function readPayload(type: unknown, data: unknown): unknown {
  if (typeof type !== 'string') return data;
  const shapeName = EVENT_DATA[type];
  if (shapeName !== undefined) return readObject(shapeName, data);
  return ENGINE_PREFIXES.has(prefixOf(type)) ? readLoosely(data) : data;
}

function renamed(value: Json, references: readonly string[], read: (name: string, value: unknown) => unknown): Json {
  const object = {};
  for (const [name, one] of Object.entries(value)) {
    define(object, camelCase(name), { value: read(name, one), enumerable: true, writable: true, configurable: true });
  }
  for (const name of Object.keys(value)) {
    const camel = camelCase(name);
    alias(object, name, camel);
    if (references.includes(name)) alias(object, `${camel}Id`, camel);
  }
  return object;
}

function alias(object: object, name: string, of: string): void {
  if (!Object.hasOwn(object, name)) {
    define(object, name, { get: () => (object as Record<string, unknown>)[of], enumerable: false, configurable: true });
  }
}

const define = Object.defineProperty;

function camelCase(name: string): string {
  return name.replace(/_+([^_])/g, (_, letter: string) => letter.toUpperCase());
}

function prefixOf(type: string): string {
  return type.split('.', 1)[0] ?? '';
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}
