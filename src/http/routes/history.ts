import { getKeyring } from '../../app/keyrings.ts';
import { parseKeyringName } from '../../core/name.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { HttpDeps } from '../deps.ts';
import { historyCsv } from '../history-csv.ts';
import { HISTORY_CSV } from '../openapi/examples.ts';
import { NameParams } from '../schemas/common.ts';
import { HistoryPage, HistoryQuery } from '../schemas/history.ts';
import { problems, written } from '../schemas/responses.ts';
import type { Scope } from '../scope.ts';
import { historyItem } from '../views.ts';

const DEFAULT_LIMIT = 100;

const schema = {
  operationId: 'readHistory',
  summary: "Every version's whole life: who, why, when, and how it was made",
  description: 'Newest first. As CSV the next page is in the Link header (rel="next").',
  tags: ['history'],
  params: NameParams,
  querystring: HistoryQuery,
  response: written({
    200: {
      description: 'A page of versions.',
      headers: { Link: { type: 'string', description: 'The next page, for CSV.' } },
      content: {
        'application/json': { schema: HistoryPage },
        'text/csv': { schema: { type: 'string', description: 'A header line, then a line a version.' }, example: HISTORY_CSV },
      },
    },
    ...problems('keyring_not_found', 'corrupt_document'),
  }),
} as const;

export function historyRoute(app: Scope, { service }: HttpDeps): void {
  app.get(
    '/v1/keyrings/:name/history',
    { schema, config: { access: ['auditor', 'operator'], audit: 'history.read' } },
    async (request, reply) => {
      const { limit = DEFAULT_LIMIT, after, format } = request.query;
      const { keyring } = await getKeyring(service, parseKeyringName(request.params.name));
      const before = decodeCursor('history', after, parseVersion) ?? Number.POSITIVE_INFINITY;
      const older = keyring.versions.filter(({ version }) => version < before).reverse();
      const now = service.clock.now();
      const items = older.slice(0, limit).map((version) => historyItem(keyring, version, now));
      const last = items.at(-1);
      const next = older.length > limit && last !== undefined ? encodeCursor('history', String(last.version)) : null;
      if (!wantsCsv(format, request.headers.accept)) return { name: keyring.name, items, next };
      if (next !== null) reply.header('Link', `</v1/keyrings/${keyring.name}/history?format=csv&limit=${limit}&after=${next}>; rel="next"`);
      return reply.type('text/csv; charset=utf-8').send(historyCsv(items));
    },
  );
}

function parseVersion(text: string): number | null {
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : null;
}

/** The query decides; otherwise CSV is for those who ask for nothing else. */
function wantsCsv(format: 'json' | 'csv' | undefined, accept: string | undefined): boolean {
  if (format !== undefined) return format === 'csv';
  return accept !== undefined && /^\s*text\/csv\b/.test(accept);
}
