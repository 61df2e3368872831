import type { Granted } from '../../app/read-keys.ts';
import { parseKeyringName } from '../../core/name.ts';
import { bearerOf } from '../access.ts';
import type { HttpDeps } from '../deps.ts';
import { goneSignal } from '../gone.ts';
import { KeysAnswers } from '../keys-answer.ts';
import { parseIfNoneMatch } from '../precondition.ts';
import { NameParams } from '../schemas/common.ts';
import { KeysHeaders, KeysQuery, KeysResponseHeaders, KeysView } from '../schemas/keys.ts';
import { problems, written } from '../schemas/responses.ts';
import type { Scope } from '../scope.ts';

const schema = {
  operationId: 'readKeys',
  summary: 'The keys of a keyring: the call of every application instance',
  description:
    'The instance counts its lease from before it sent the request, and stops using the keys when the lease ends. 304 renews the lease (header Keyturn-Lease).',
  tags: ['keys'],
  params: NameParams,
  querystring: KeysQuery,
  headers: KeysHeaders,
  response: written({
    200: { description: 'The keys.', headers: KeysResponseHeaders, content: { 'application/json': { schema: KeysView } } },
    304: { description: 'The keys at hand are still right; their lease is renewed.', headers: KeysResponseHeaders, type: 'null' },
    ...problems('keyring_not_found', 'keyring_deleted', 'lease_exhausted', 'material_missing', 'corrupt_document', 'corrupt_material'),
  }),
} as const;

export function keysRoute(app: Scope, { reader, authenticator, settings }: HttpDeps): void {
  const answers = new KeysAnswers();
  app.get('/v1/keyrings/:name/keys', { schema, config: { access: ['app'] } }, async (request, reply) => {
    const name = parseKeyringName(request.params.name);
    const held = parseIfNoneMatch(request.headers['if-none-match']);
    const wait = Math.min(request.query.wait ?? 0, settings.maxWaitSeconds);
    const [only] = held;
    const waits = wait > 0 && held.length === 1 && only !== undefined;
    const granted = waits
      ? await reader.readWhenChanged(name, only, wait, goneSignal(reply))
      : (reader.peek(name) ?? (await reader.read(name)));
    // A token that was revoked or expired while its request was held gets no keys: least of all those of the rotation that followed.
    if (waits) await authenticator.authenticate({ bearer: bearerOf(request) });
    setHeaders(reply, granted);
    if (held.includes(granted.keys.etag)) return reply.code(304).send();
    return reply.type('application/json; charset=utf-8').send(answers.bodyOf(granted));
  });
}

function setHeaders(reply: { headers(values: Record<string, string | number>): unknown }, { keys, leaseSeconds }: Granted): void {
  reply.headers({ ETag: keys.etag, 'Cache-Control': 'no-store', 'Keyturn-Lease': leaseSeconds, 'Keyturn-Refresh': keys.refreshSeconds });
}
