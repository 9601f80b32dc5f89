// How calls are written: paths with their ids, query strings, bodies.

import { VinrError } from './errors.js';

/** The path of a call with its ids, each fully quoted so that an id can't change the rest of the path. */
export function path(texts: TemplateStringsArray, ...ids: string[]): string {
  return texts.reduce((before, text, position) => {
    const id: unknown = ids[position - 1];
    if (typeof id !== 'string' || /^\.*$/.test(id)) {
      throw new VinrError(`${texts.join('…')} needs an id, not ${JSON.stringify(id) ?? 'undefined'}.`);
    }
    return before + encodeURIComponent(id) + text;
  });
}

/** The query string, without values that are undefined or null. */
export function writeQuery(query: object): string {
  const written = new URLSearchParams();
  const write = (name: string, value: unknown): void => {
    if (value === undefined || value === null) return;
    if (value instanceof Date) written.append(name, instantOf(value, name));
    else if (typeof value === 'object') for (const [key, bound] of Object.entries(value)) write(`${name}[${key}]`, bound);
    else written.append(name, String(value));
  };
  for (const [name, value] of Object.entries(query)) write(name, value);
  const text = written.toString();
  return text && `?${text}`;
}

/** The body as JSON. Numbers that JSON can't express are refused here: as null they would clear a field. */
export function writeBody(body: object): string {
  return JSON.stringify(body, function (this: Record<string, unknown>, name: string, value: unknown) {
    const given = this[name];
    if (given instanceof Date) return instantOf(given, name);
    if (typeof given === 'number' && !Number.isFinite(given)) {
      throw new VinrError(`${name}: ${given} can't be sent. Use a finite number.`);
    }
    return value;
  });
}

function instantOf(date: Date, name: string): string {
  if (Number.isNaN(date.getTime())) throw new VinrError(`${name}: this Date is invalid, so it can't be sent.`);
  return date.toISOString();
}
