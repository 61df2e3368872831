import type { FastifyRequest } from 'fastify';
import type { Granted } from '../../app/read-keys.ts';
import { leaseOf, type Shown, sessionNames, shownIn, tagFor } from '../../app/sessions.ts';
import { UnknownNames } from '../../app/unknown-names.ts';
import { type KeyringName, parseKeyringName } from '../../core/name.ts';
import { SECOND } from '../../core/time.ts';
import { bearerOf, principalOf } from '../access.ts';
import type { HttpDeps } from '../deps.ts';
import { goneSignal } from '../gone.ts';
import { headersOf } from '../keys-answer.ts';
import { callerOf, readEvent } from '../keys-record.ts';
import { parseIfNoneMatch } from '../precondition.ts';
import { note } from '../recording/notes.ts';
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

export function keysRoute(app: Scope, { reader, authenticator, settings, recording: { journal }, service, answers }: HttpDeps): void {
  const draw = sessionNames(service.random);
  const unknown = new UnknownNames(service.clock, settings.unknownNamesPerMinute);
  const news = 2 * settings.maxWaitSeconds * SECOND;

  /** What a request shows counts when it comes, not when it has been held: rotations would wait for it. It grants nothing yet. */
  function acknowledge(request: FastifyRequest, granted: Granted | null, shown: Shown): void {
    const now = service.clock.now();
    if (granted === null || shown.etag !== granted.keys.etag) return;
    if (granted.keys.next === null && now - granted.keys.holding.changedAt > news) return;
    const lease = leaseOf({ ...granted, leaseSeconds: 0 }, callerOf(request), shown, draw, now);
    if (lease.acknowledged !== null) journal.append(readEvent(request, granted, lease, 'unchanged'), lease, () => undefined);
  }

  function asking(request: FastifyRequest, name: KeyringName, ask: () => Promise<Granted>): Promise<Granted> {
    return reader.holds(name) ? ask() : unknown.asking(principalOf(request).id, name, ask);
  }

  app.get('/v1/keyrings/:name/keys', { schema, config: { access: ['app'], audit: 'keys.read' } }, async (request, reply) => {
    const name = parseKeyringName(request.params.name);
    const held = parseIfNoneMatch(request.headers['if-none-match']);
    const shown = shownIn(held);
    const wait = Math.min(request.query.wait ?? 0, settings.maxWaitSeconds);
    if (wait > 0 && shown !== null) {
      acknowledge(request, reader.peek(name), shown);
      const gone = goneSignal(reply);
      await asking(request, name, () => reader.read(name));
      await reader.readWhenChanged(name, shown.etag, wait, gone);
      // A token that was revoked or expired while its request was held gets no keys: least of all those of the rotation that followed.
      await authenticator.authenticate({ bearer: bearerOf(request) });
    }
    let granted = reader.peek(name);
    while (granted === null) {
      await asking(request, name, () => reader.read(name));
      granted = reader.peek(name);
    }
    // Nothing may come between the look at the copy and the journal: whoever reads the registry after that finds this grant (app/fleet.ts).
    // The hook that records (recording/record.ts), and every hook before it, runs in this very turn.
    const lease = leaseOf(granted, callerOf(request), shown, draw, service.clock.now());
    const unchanged = shown?.etag === granted.keys.etag || held.includes(granted.keys.etag);
    note(request, { versions: granted.keys.versions, lease });
    // A 304 says the tag that it was shown: clients compare.
    const tag = tagFor(granted.keys, unchanged && shown !== null ? shown.session : lease.session);
    reply.headers({ ETag: tag, ...headersOf(granted) });
    if (unchanged) return reply.code(304).send();
    return reply.type('application/json; charset=utf-8').send(answers.bodyOf(granted));
  });
}
