// Makes each call that stands in the input, and prints what it answered: as it enumerates, and read by other names.

import { text } from 'node:stream/consumers';

import { Page, Vinr } from '@vinr/sdk';

interface Asked {
  readonly path: readonly string[];
  readonly arguments: readonly unknown[];
  readonly names: readonly string[];
}

type Tree = { readonly [name: string]: Tree } & ((...given: readonly unknown[]) => Promise<object>);

for (const asked of JSON.parse(await text(process.stdin)) as Asked[]) {
  const place = asked.path.slice(0, -1).reduce((node, name) => node[name]!, new Vinr() as unknown as Tree);
  const answer = await place[asked.path.at(-1) ?? '']!(...asked.arguments);
  const object: unknown = answer instanceof Page ? answer.data[0] : answer;
  const read = object && Object.fromEntries(asked.names.map(name => [name, (object as Record<string, unknown>)[name]]));
  console.log(JSON.stringify({ shown: object, read, answered: (answer as { lastResponse?: unknown }).lastResponse }));
}
