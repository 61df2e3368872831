import Type from 'typebox';
import { Cursor, Instant, KeyringName, oneOf, orNull, VersionNumber } from './common.ts';

const Held = Type.Object({
  current: Type.Integer({ minimum: 1, description: 'The version that signs in the answer.' }),
  newest: Type.Integer({ minimum: 1, description: 'The newest version in the answer.' }),
});

export const HolderView = Type.Object(
  {
    instance: orNull(
      Type.String({ description: 'As it names itself in Keyturn-Instance; null: callers without a name.', examples: ['web-1'] }),
    ),
    principal: Type.String({ description: 'Id of its token.' }),
    address: Type.String({ description: 'Of its last request.' }),
    firstSeen: Instant,
    lastSeen: Instant,
    leaseUntil: Instant,
    isLive: Type.Boolean({ description: 'Its lease has not ended.' }),
    offered: Held,
    holds: orNull(
      Type.Object(
        { current: VersionNumber, newest: VersionNumber, since: Instant },
        { description: 'What it has shown to hold, by sending the ETag back; null: nothing yet.' },
      ),
    ),
    lags: Type.Boolean({ description: 'Its lease allows it to use keys without the newest version.' }),
    lagsUntil: orNull({ ...Instant, description: 'When that ends at the latest.' }),
    mayHoldRevoked: Type.Boolean({ description: 'Its lease allows it to use the versions that were revoked last.' }),
  },
  {
    title: 'Holder',
    description: 'One holder of a lease: an instance under its token, or the callers of a token that do not name themselves.',
  },
);

const ActivationView = Type.Object(
  {
    state: oneOf(['none', 'safe', 'waiting'], {
      description: 'none: no version waits for its activation. safe: it is brought forward at once. waiting: `reason` says for what.',
    }),
    version: orNull(VersionNumber),
    plannedAt: orNull({ ...Instant, description: 'Time alone makes it safe then.' }),
    expectedAt: orNull({ ...Instant, description: 'When it is safe at the latest, should nobody say anything any more.' }),
    reason: orNull(oneOf(['leases_unknown', 'anonymous_lease', 'instances_behind'])),
    message: Type.String({ description: 'The same for people.' }),
  },
  { title: 'Activation', description: 'Whether the next version may sign before its planned activation, and why not yet.' },
);

const CutView = Type.Object(
  {
    versions: Type.Array(VersionNumber),
    at: Instant,
    mayHold: Type.Integer({ minimum: 0, description: 'Holders whose lease allows them to use a revoked version still.' }),
    othersMay: Type.Boolean({ description: 'Leases that the registry does not know of may allow it too.' }),
    cleared: Type.Boolean(),
    clearedAt: { ...Instant, description: 'When the last one is out, or was at the latest.' },
  },
  { title: 'Cut', description: 'The last revocation, or emergency rotation, and who may not have heard of it.' },
);

export const InstancesView = Type.Object(
  {
    name: KeyringName,
    revision: Type.String(),
    summary: Type.Object({
      at: Instant,
      newest: orNull(Type.Integer({ minimum: 1, description: 'The newest version that is served.' })),
      instances: Type.Integer({ minimum: 0, description: 'Named holders of a living lease.' }),
      anonymous: Type.Integer({ minimum: 0, description: 'Tokens whose callers hold a lease without naming themselves.' }),
      lagging: Type.Integer({ minimum: 0, description: 'Of both, those that may lack the newest version.' }),
      completeSince: orNull({ ...Instant, description: 'Leases granted before may be missing here; null: at all times.' }),
      activation: ActivationView,
      revoked: orNull(CutView),
    }),
    items: Type.Array(HolderView),
    next: orNull(Type.String()),
  },
  {
    title: 'Instances',
    examples: [
      {
        name: 'web',
        revision: '42-9f86d081884c',
        summary: {
          at: '2026-11-24T03:01:12.000Z',
          newest: 5,
          instances: 2,
          anonymous: 0,
          lagging: 1,
          completeSince: '2026-09-01T08:00:00.000Z',
          activation: {
            state: 'waiting',
            version: 5,
            plannedAt: '2026-11-25T03:00:30.000Z',
            expectedAt: '2026-11-25T02:59:42.000Z',
            reason: 'instances_behind',
            message:
              '1 of 2 instances may lack version 5; the last to be free of the earlier keys is web-2, at 2026-11-25T02:59:42.000Z at the latest.',
          },
          revoked: null,
        },
        items: [
          {
            instance: 'web-1',
            principal: 'token:4fQ0aB81xYzK',
            address: '10.0.0.11',
            firstSeen: '2026-11-20T09:00:00.000Z',
            lastSeen: '2026-11-24T03:01:03.000Z',
            leaseUntil: '2026-11-25T03:01:03.000Z',
            isLive: true,
            offered: { current: 4, newest: 5 },
            holds: { current: 4, newest: 5, since: '2026-11-24T03:01:03.000Z' },
            lags: false,
            lagsUntil: null,
            mayHoldRevoked: false,
          },
        ],
        next: null,
      },
    ],
  },
);

export const InstancesQuery = Type.Object(
  { limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: 'Default 100.' })), after: Type.Optional(Cursor) },
  { additionalProperties: false },
);
