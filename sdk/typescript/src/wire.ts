// How calls are written: paths with their ids, query strings, bodies.

import { VinrError } from './errors.js';

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
