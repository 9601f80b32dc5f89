// Makes each call that stands in the input, and prints what it answered: as it enumerates, and read by other names; or
// why it failed. Each names the key of its realm.

import { text } from 'node:stream/consumers';

import { Page, Vinr } from '@vinr/sdk';

interface Asked {
  readonly key: string;
  readonly path: readonly string[];
  readonly arguments: readonly unknown[];
  readonly names: readonly string[];
}

type Tree = { readonly [name: string]: Tree } & ((...given: readonly unknown[]) => Promise<object>);

async function answerTo(asked: Asked): Promise<object> {
  const client = new Vinr({ secretKey: asked.key }) as unknown as Tree;
  const place = asked.path.slice(0, -1).reduce((node, name) => node[name]!, client);
  const answer = await place[asked.path.at(-1) ?? '']!(...asked.arguments);
  const object: unknown = answer instanceof Page ? answer.data[0] : answer;
  const read = object && Object.fromEntries(asked.names.map(name => [name, (object as Record<string, unknown>)[name]]));
  return { shown: object, read, answered: (answer as { lastResponse?: unknown }).lastResponse };
}

for (const asked of JSON.parse(await text(process.stdin)) as Asked[]) {
  console.log(JSON.stringify(await answerTo(asked).catch((error: unknown) => ({ failed: String(error) }))));
}
