// Answers as objects: each field under its camelCase name and, not enumerable, under its name on the wire.

import { EVENT_DATA, SHAPES } from './generated/shapes.js';
import type { Json } from './values.js';

const ENGINE_PREFIXES = new Set(Object.keys(EVENT_DATA).map(prefixOf));

/** An answer of the named shape. Metadata, and other objects whose keys the caller chose, stay as they are. */
export function readObject(shapeName: string | undefined, value: unknown): unknown {
  if (Array.isArray(value)) return value.map(item => readObject(shapeName, item));
  const shape = shapeName === undefined ? undefined : SHAPES[shapeName];
  if (shape === undefined || !isObject(value)) return value;
  return renamed(value, shape.references ?? [], (name, field) => {
    if (shape.payload === name) return readPayload(value['type'], field);
    return shape.loose?.includes(name) ? readLoosely(field) : readObject(shape.nested?.[name], field);
  });
}

/** An object of the engine without its own shape: renames all fields except those inside metadata. */
export function readLoosely(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readLoosely);
  if (!isObject(value)) return value;
  return renamed(value, [], (name, field) => (name === 'metadata' ? field : readLoosely(field)));
}

/** An event's data: read as its object if the engine sent the event, unchanged if you reported it. */
function readPayload(type: unknown, data: unknown): unknown {
  if (typeof type !== 'string') return data;
  const shapeName = EVENT_DATA[type];
  if (shapeName !== undefined) return readObject(shapeName, data);
  return ENGINE_PREFIXES.has(prefixOf(type)) ? readLoosely(data) : data;
}

function renamed(value: Json, references: readonly string[], read: (name: string, value: unknown) => unknown): Json {
  const object = {};
  for (const [name, field] of Object.entries(value)) {
    define(object, camelCase(name), { value: read(name, field), enumerable: true, writable: true, configurable: true });
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
