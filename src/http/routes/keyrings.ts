import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import {
  changePolicy,
  createKeyring,
  deleteKeyring,
  getKeyring,
  listKeyrings,
  restoreKeyring,
  type TakeOverKey,
} from '../../app/keyrings.ts';
import { KeyturnError } from '../../core/errors.ts';
import type { Keyring } from '../../core/keyring.ts';
import { isKeyringName, parseKeyringName } from '../../core/name.ts';
import type { Policy } from '../../core/policy.ts';
import { Secret } from '../../core/secret.ts';
import type { Stored } from '../../ports/store.ts';
import { actorOf, principalOf, requireCovered } from '../access.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { HttpDeps } from '../deps.ts';
import { parseIfMatch, tagOf } from '../precondition.ts';
import { note, noteChange } from '../recording/notes.ts';
import { NameParams, NoQuery, Reason } from '../schemas/common.ts';
import { CreateBody, KeyringPage, KeyringView, OptionalReasonBody, PatchBody, type PolicyFields } from '../schemas/keyring.ts';
import { ON_CHANGE, problems } from '../schemas/responses.ts';
import { PageQuery } from '../schemas/token.ts';
import type { Scope } from '../scope.ts';
import { keyringView } from '../views.ts';

type CreateFields = Type.Static<typeof CreateBody>;

const operator = ['operator'] as const;
const reader = ['operator', 'auditor'] as const;
const DEFAULT_LIMIT = 50;
const DEFAULT_RECOVERY_DAYS = 7;

const oneKeyring = {
  description: 'The keyring.',
  headers: { ETag: { type: 'string', description: 'The revision in double quotes: send it in If-Match with a change.' } },
  content: { 'application/json': { schema: KeyringView } },
};

const schemas = {
  create: {
    operationId: 'createKeyring',
    summary: 'Create a keyring, with a generated or an imported key',
    tags: ['keyrings'],
    querystring: NoQuery,
    body: CreateBody,
    response: {
      201: {
        ...oneKeyring,
        description: 'Created.',
        headers: { ...oneKeyring.headers, Location: { type: 'string', description: 'Its path.' } },
      },
      ...problems('keyring_exists', 'invalid_policy', 'weak_key', ...ON_CHANGE),
    },
  },
  list: {
    operationId: 'listKeyrings',
    summary: 'List the keyrings that the token covers',
    description: 'Ordered by name. Go on with `after` until `next` is null.',
    tags: ['keyrings'],
    querystring: PageQuery,
    response: { 200: { description: 'A page, by name.', content: { 'application/json': { schema: KeyringPage } } }, ...problems() },
  },
  get: {
    operationId: 'readKeyring',
    summary: 'Read a keyring without its keys',
    tags: ['keyrings'],
    params: NameParams,
    querystring: NoQuery,
    response: { 200: oneKeyring, ...problems('keyring_not_found', 'corrupt_document') },
  },
  patch: {
    operationId: 'changePolicy',
    summary: 'Change the policy',
    tags: ['keyrings'],
    params: NameParams,
    querystring: NoQuery,
    headers: Type.Object({ 'if-match': Type.Optional(Type.String({ description: 'ETag of the keyring as you read it; required.' })) }),
    body: PatchBody,
    response: {
      200: oneKeyring,
      ...problems('keyring_not_found', 'keyring_deleted', 'precondition_required', 'precondition_failed', 'invalid_policy', ...ON_CHANGE),
    },
  },
  delete: {
    operationId: 'deleteKeyring',
    summary: 'Stop serving a keyring; its keys are destroyed after the recovery window',
    tags: ['keyrings'],
    params: NameParams,
    querystring: Type.Object(
      {
        recoveryDays: Type.Optional(Type.Integer({ minimum: 7, maximum: 30, description: 'Default 7.' })),
        reason: Type.Optional(Reason),
      },
      { additionalProperties: false },
    ),
    response: { 200: oneKeyring, ...problems('keyring_not_found', 'keyring_deleted', ...ON_CHANGE) },
  },
  restore: {
    operationId: 'restoreKeyring',
    summary: 'Take a deletion back',
    tags: ['keyrings'],
    params: NameParams,
    querystring: NoQuery,
    body: OptionalReasonBody,
    response: { 200: oneKeyring, ...problems('keyring_not_found', 'keyring_deleted', 'keyring_not_deleted', ...ON_CHANGE) },
  },
} as const;

export function keyringRoutes(app: Scope, { service, settings }: HttpDeps): void {
  const view = (stored: Stored) => keyringView(stored, service.clock.now());

  app.post('/v1/keyrings', { schema: schemas.create, config: { access: operator, audit: 'keyring.create' } }, async (request, reply) => {
    const { key, policy = {}, reason = 'created' } = request.body;
    const takeOver = takeOverOf(request.body);
    const name = parseKeyringName(request.body.name);
    note(request, { keyring: name });
    requireCovered(request, name);
    const wanted = {
      name,
      policy: policyOf(policy),
      key: key === undefined ? null : new Secret(key),
      takeOver,
      by: actorOf(request),
      reason,
    };
    const created = await createKeyring(service, settings.policyDefaults, wanted);
    noteChange(request, created.keyring, reason, versionsMadeBy(created.keyring));
    return reply
      .code(201)
      .headers({ ETag: tagOf(created.revision), Location: `/v1/keyrings/${name}` })
      .send(view(created));
  });

  app.get('/v1/keyrings', { schema: schemas.list, config: { access: reader, audit: 'keyring.list' } }, async (request) => {
    const { limit = DEFAULT_LIMIT, after } = request.query;
    const principal = principalOf(request);
    const from = decodeCursor('keyrings', after, (text) => (isKeyringName(text) ? text : null));
    const page = await listKeyrings(service, (name) => principal.mayTouch(name), from, limit);
    return {
      items: page.items.map(view),
      unreadable: [...page.unreadable],
      next: page.next === null ? null : encodeCursor('keyrings', page.next),
    };
  });

  app.get('/v1/keyrings/:name', { schema: schemas.get, config: { access: reader, audit: 'keyring.read' } }, async (request, reply) => {
    const stored = await getKeyring(service, parseKeyringName(request.params.name));
    return reply.header('ETag', tagOf(stored.revision)).send(view(stored));
  });

  app.patch(
    '/v1/keyrings/:name',
    { schema: schemas.patch, config: { access: operator, audit: 'keyring.change' } },
    async (request, reply) => {
      const expected = parseIfMatch(request.headers['if-match']);
      const { policy, reason = 'policy changed' } = request.body;
      const name = parseKeyringName(request.params.name);
      const changed = await changePolicy(service, name, policyOf(policy), expected, { by: actorOf(request), reason });
      noteChange(request, changed.keyring, reason);
      return reply.header('ETag', tagOf(changed.revision)).send(view(changed));
    },
  );

  app.delete(
    '/v1/keyrings/:name',
    { schema: schemas.delete, config: { access: operator, audit: 'keyring.delete' } },
    async (request, reply) => {
      const { recoveryDays = DEFAULT_RECOVERY_DAYS, reason = 'deleted' } = request.query;
      const name = parseKeyringName(request.params.name);
      const deleted = await deleteKeyring(service, name, recoveryDays, { by: actorOf(request), reason });
      noteChange(request, deleted.keyring, reason);
      return reply.header('ETag', tagOf(deleted.revision)).send(view(deleted));
    },
  );

  const preValidation = async (request: FastifyRequest): Promise<void> => {
    request.body ??= {};
  };
  app.post(
    '/v1/keyrings/:name/restore',
    { schema: schemas.restore, config: { access: operator, audit: 'keyring.restore' }, preValidation },
    async (request, reply) => {
      const { reason = 'restored' } = request.body;
      const restored = await restoreKeyring(service, parseKeyringName(request.params.name), { by: actorOf(request), reason });
      noteChange(request, restored.keyring, reason);
      return reply.header('ETag', tagOf(restored.revision)).send(view(restored));
    },
  );
}

/** The versions that the last change brought. */
function versionsMadeBy({ versions, changed }: Keyring): number[] {
  return versions.filter(({ created }) => created.at === changed.at).map(({ version }) => version);
}

/**
 * How a given key is imported; null = to sign.
 * @throws KeyturnError `invalid_request` where the fields contradict each other
 */
function takeOverOf({ key, importAs = 'current', acceptWeak = false, verifyForSeconds, reason }: CreateFields): TakeOverKey | null {
  if (key === undefined && importAs === 'previous') throw contradiction('importAs', 'is "previous", and there is no key to import');
  if (importAs === 'current') {
    if (acceptWeak) throw contradiction('acceptWeak', 'goes with importAs "previous" only: a weak key never signs');
    if (verifyForSeconds !== undefined) throw contradiction('verifyForSeconds', 'goes with importAs "previous" only');
    return null;
  }
  if (acceptWeak && reason === undefined) throw contradiction('acceptWeak', 'needs a reason, which stands in the history');
  return { acceptWeak, verifyForSeconds: verifyForSeconds ?? null };
}

function contradiction(field: string, message: string): KeyturnError {
  return new KeyturnError('invalid_request', `The request does not fit the API: body/${field} ${message}.`, {
    faults: [{ path: `body/${field}`, message }],
  });
}

/** The time zone of a schedule may be left out on the wire. */
function policyOf({ schedule, ...fields }: Type.Static<typeof PolicyFields>): Partial<Policy> {
  if (schedule === undefined) return fields;
  return { ...fields, schedule: schedule === null ? null : { cron: schedule.cron, timeZone: schedule.timeZone ?? 'UTC' } };
}
