import type { Command } from 'commander';
import type Type from 'typebox';
import { parseCount } from './arguments.ts';
import type { ApiRequest, Client } from './client.ts';
import { checked, readBody } from './problem.ts';
import { Page } from './wire.ts';

export interface PageOptions {
  readonly limit?: number;
  readonly after?: string;
  readonly all?: true;
}

/** One page as it came, or all of them as one. */
export interface Listing {
  /** The JSON for programs: the service's own text, or, with `--all`, its first page with every item. */
  readonly json: string;
  readonly items: readonly unknown[];
  readonly next: string | null;
}

export function addPageOptions(command: Command, what: string): Command {
  return command
    .option('--limit <count>', `at most so many ${what} (the service decides the default and the most)`, parseCount)
    .option('--after <cursor>', 'go on where the last answer ended')
    .option('--all', 'every page, not only the first');
}

type Query = NonNullable<ApiRequest['query']>;

/** @param filters further fields of the query */
export async function listing(client: Client, path: string, { limit, after, all }: PageOptions, filters: Query = {}): Promise<Listing> {
  const first = await client.send({ method: 'GET', path, query: { ...filters, limit, after } });
  const body = readBody(first, Page);
  if (all !== true || body.next === null) return { json: first.text, items: body.items, next: body.next };
  const items = [...body.items];
  for (let cursor: string | null = body.next; cursor !== null; ) {
    const page: Type.Static<typeof Page> = readBody(
      await client.send({ method: 'GET', path, query: { ...filters, limit, after: cursor } }),
      Page,
    );
    items.push(...page.items);
    cursor = page.next;
  }
  return { json: JSON.stringify({ ...body, items, next: null }), items, next: null };
}

/** The items in the shape that is expected of them. @throws Failure `unreachable` */
export function itemsOf<Schema extends Type.TSchema>(schema: Schema, { items }: Listing): Type.Static<Schema>[] {
  return items.map((item) => checked(schema, item));
}

/** What to type for the rest; empty on the last page. */
export function moreHint({ next }: Listing): string {
  return next === null ? '' : 'There are more: add --all for every one of them.\n';
}
