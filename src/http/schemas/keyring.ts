import Type from 'typebox';
import { DEFAULT_POLICY, POLICY_BOUNDS } from '../../core/policy.ts';
import { VERSION_KINDS } from '../../core/version.ts';
import { KEYRING, KEYRING_PAGE } from '../openapi/examples.ts';
import { Act, Actor, closed, Instant, KeyringName, oneOf, orNull, Reason, VersionNumber, WeakMark } from './common.ts';

const seconds = (field: keyof typeof POLICY_BOUNDS, description: string) => {
  const [minimum, maximum] = POLICY_BOUNDS[field];
  return Type.Integer({ minimum, maximum, description: `${description} Default ${DEFAULT_POLICY[field]}.` });
};

const Schedule = Type.Object(
  {
    cron: Type.String({ maxLength: 100, description: 'Five fields, or six with seconds in front.', examples: ['0 3 1 * *'] }),
    timeZone: Type.Optional(Type.String({ maxLength: 64, description: 'IANA name. Default UTC.', examples: ['Europe/Berlin'] })),
  },
  { ...closed, title: 'Schedule', description: 'When rotations begin.' },
);

const policyFields = {
  schedule: orNull(Schedule),
  tokenLifetimeSeconds: seconds('tokenLifetimeSeconds', 'The longest life of anything the key signs.'),
  leaseSeconds: seconds('leaseSeconds', 'How long an instance may go on without hearing from the service.'),
  refreshSeconds: seconds('refreshSeconds', 'How often an instance asks.'),
  skewSeconds: seconds('skewSeconds', 'Allowance for clocks that disagree.'),
  keyBytes: seconds('keyBytes', 'Random bytes in a generated key.'),
  keyEncoding: oneOf(['hex', 'base64url'], { description: 'How a generated key is written. Default hex.' }),
};

export const Policy = Type.Object(policyFields, { title: 'Policy', examples: [DEFAULT_POLICY] });

export const PolicyFields = Type.Partial(Type.Object(policyFields), {
  ...closed,
  title: 'PolicyFields',
  description: 'What is left out keeps its value, or its default in a new keyring.',
  examples: [{ schedule: { cron: '0 3 * * SUN', timeZone: 'Europe/Berlin' }, leaseSeconds: 43_200 }],
});

export const VersionKind = oneOf(VERSION_KINDS);

const ServedVersion = Type.Object(
  {
    version: VersionNumber,
    role: oneOf(['next', 'current', 'previous']),
    kind: VersionKind,
    publishedAt: Instant,
    activatesAt: Instant,
    verifyUntil: orNull(Instant),
    weak: Type.Optional(WeakMark),
  },
  { title: 'ServedVersion' },
);

export const KeyringView = Type.Object(
  {
    name: KeyringName,
    revision: Type.String({ description: 'Opaque; in double quotes it is the ETag for If-Match.' }),
    state: oneOf(['active', 'deleted', 'purged']),
    created: Act,
    changed: Type.Object({ at: Instant, by: Actor }),
    policy: Policy,
    derived: Type.Object(
      {
        propagationSeconds: Type.Integer({ description: 'From publication of a version to its activation.' }),
        graceSeconds: Type.Integer({ description: "From a version's replacement to the end of its use for verifying." }),
      },
      { description: 'Follows from the policy.' },
    ),
    versions: Type.Array(ServedVersion, { description: 'Those that are served now, newest first, without material.' }),
    nextRotationAt: orNull(Instant),
    deletion: orNull(Type.Object({ deleted: Act, purgeAt: orNull(Instant), purgedAt: orNull(Instant) })),
  },
  { title: 'Keyring', description: 'A keyring without key material.', examples: [KEYRING] },
);

export const KeyringPage = Type.Object(
  {
    items: Type.Array(KeyringView),
    unreadable: Type.Array(KeyringName, { description: 'Keyrings of this page whose stored documents are damaged: restore a backup.' }),
    next: orNull(Type.String()),
  },
  { title: 'KeyringPage', examples: [KEYRING_PAGE] },
);

export const CreateBody = Type.Object(
  {
    name: KeyringName,
    policy: Type.Optional(PolicyFields),
    key: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1024, description: 'A key in use today, to go on with. Left out, one is generated.' }),
    ),
    importAs: Type.Optional(
      oneOf(['current', 'previous'], {
        description:
          'Default current: `key` signs, and has to be sound. previous: it verifies only, as version 1; version 2 is generated and signs from now on.',
      }),
    ),
    acceptWeak: Type.Optional(
      Type.Boolean({ description: 'Import `key` as previous even though it is weak. Needs `reason`; both stand in the history.' }),
    ),
    verifyForSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 35_165_400,
        description: 'How long `key` verifies when imported as previous. Default, and at most: the grace of the policy.',
      }),
    ),
    reason: Type.Optional(Reason),
  },
  {
    ...closed,
    title: 'CreateKeyring',
    examples: [
      { name: 'web', policy: { schedule: { cron: '0 3 1 * *' } }, reason: 'sessions of the web shop' },
      { name: 'legacy', key: 'you-will-never-guess', importAs: 'previous', acceptWeak: true, reason: 'move off SECRET_KEY, ticket 4711' },
    ],
  },
);

export const PatchBody = Type.Object(
  { policy: PolicyFields, reason: Type.Optional(Reason) },
  { ...closed, title: 'ChangeKeyring', examples: [{ policy: { leaseSeconds: 43_200 }, reason: 'rotate daily from now on' }] },
);

export const OptionalReasonBody = Type.Object(
  { reason: Type.Optional(Reason) },
  { ...closed, title: 'OptionalReason', examples: [{ reason: 'deleted by mistake' }] },
);
