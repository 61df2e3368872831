import type { Client } from './client.ts';
import type { PageOptions } from './pages.ts';
import type { Answer } from './transport.ts';

/** A CSV listing, page by page, the heading once. Further pages are named by the `Link` header and asked for with `all`. */
export async function* csvPages(client: Client, path: string, { limit, after, all }: PageOptions): AsyncGenerator<string> {
  let heading: string | null = null;
  for (let cursor = after ?? null, first = true; first || cursor !== null; first = false) {
    const answer = await client.send({
      method: 'GET',
      path,
      query: { format: 'csv', limit, after: cursor ?? undefined },
      headers: { accept: 'text/csv, application/problem+json' },
    });
    yield heading === null ? answer.text : withoutHeading(answer.text, heading);
    heading ??= answer.text.slice(0, answer.text.indexOf('\n') + 1);
    cursor = all === true ? nextCursor(answer) : null;
  }
}

function withoutHeading(text: string, heading: string): string {
  return text.startsWith(heading) ? text.slice(heading.length) : text;
}

/** Only the cursor is taken from the link, so that no answer can send the token elsewhere. */
function nextCursor({ headers }: Answer): string | null {
  const [, target] = /<([^>]*)>\s*;\s*rel="?next"?/.exec(headers.link ?? '') ?? [];
  return target === undefined ? null : new URL(target, 'http://keyturn.invalid').searchParams.get('after');
}
