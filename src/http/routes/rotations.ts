import { revokeVersion, rotateKeyring } from '../../app/rotations.ts';
import type { Keyring } from '../../core/keyring.ts';
import { parseKeyringName } from '../../core/name.ts';
import { toIso } from '../../core/time.ts';
import { rolesOf } from '../../core/transitions/rotate.ts';
import type { Version } from '../../core/version.ts';
import { actorOf } from '../access.ts';
import type { HttpDeps } from '../deps.ts';
import { noteChange } from '../recording/notes.ts';
import { NameParams, NoQuery } from '../schemas/common.ts';
import { ON_CHANGE, problems } from '../schemas/responses.ts';
import { IdempotencyHeaders, RevocationView, RevokeBody, RevokeParams, RotateBody, RotationView } from '../schemas/rotation.ts';
import type { Scope } from '../scope.ts';

const operator = ['operator'] as const;

const REFUSALS = ['keyring_not_found', 'keyring_deleted', 'too_many_keys', 'idempotency_mismatch', ...ON_CHANGE] as const;

const schemas = {
  rotate: {
    operationId: 'rotate',
    summary: 'Rotate now, in one of three ways',
    tags: ['rotation'],
    params: NameParams,
    querystring: NoQuery,
    headers: IdempotencyHeaders,
    body: RotateBody,
    response: {
      200: { description: 'The version that signs from `activatesAt`.', content: { 'application/json': { schema: RotationView } } },
      ...problems('rotation_under_way', ...REFUSALS),
    },
  },
  revoke: {
    operationId: 'revokeVersion',
    summary: 'Cut one version now',
    description: 'When it signs, the next version or a new one takes its place at once. Revoking a revoked version changes nothing.',
    tags: ['rotation'],
    params: RevokeParams,
    querystring: NoQuery,
    headers: IdempotencyHeaders,
    body: RevokeBody,
    response: {
      200: { description: 'What is served from now on.', content: { 'application/json': { schema: RevocationView } } },
      ...problems('version_not_found', 'version_ended', ...REFUSALS),
    },
  },
} as const;

export function rotationRoutes(app: Scope, { service }: HttpDeps): void {
  app.post(
    '/v1/keyrings/:name/rotate',
    { schema: schemas.rotate, config: { access: operator, audit: 'keyring.rotate' } },
    async (request) => {
      const { kind = 'scheduled', reason } = request.body;
      const name = parseKeyringName(request.params.name);
      const idempotencyKey = request.headers['idempotency-key'] ?? null;
      const asked = { name, by: actorOf(request), reason, idempotencyKey };
      const { keyring, revision, version, replayed } = await rotateKeyring(service, kind, asked);
      noteChange(request, keyring, reason, [version.version, ...cutWith(keyring, version)]);
      return { name, revision, version: version.version, kind: version.kind, activatesAt: toIso(version.activatesAt), replayed };
    },
  );

  app.post(
    '/v1/keyrings/:name/versions/:version/revoke',
    { schema: schemas.revoke, config: { access: operator, audit: 'version.revoke' } },
    async (request) => {
      const { version: revoked } = request.params;
      const name = parseKeyringName(request.params.name);
      const idempotencyKey = request.headers['idempotency-key'] ?? null;
      const { keyring, revision } = await revokeVersion(service, revoked, {
        name,
        by: actorOf(request),
        reason: request.body.reason,
        idempotencyKey,
      });
      const { current, next } = rolesOf(keyring, service.clock.now());
      noteChange(request, keyring, request.body.reason, [revoked, ...replacementOf(keyring, revoked)]);
      return { name, revision, revoked, current: current.version, next: next?.version ?? null };
    },
  );
}

/** What an emergency rotation revoked: the audit record tells it apart from the others by these. */
function cutWith({ versions }: Keyring, { kind, created }: Version): number[] {
  return kind === 'emergency' ? versions.filter(({ revoked }) => revoked?.at === created.at).map(({ version }) => version) : [];
}

/** The version that was made in the place of the one revoked. */
function replacementOf({ versions }: Keyring, number: number): number[] {
  const cut = versions.find(({ version }) => version === number);
  return versions.filter(({ kind, created }) => kind === 'replacement' && created.at === cut?.revoked?.at).map(({ version }) => version);
}
