import Type from 'typebox';

/**
 * The API's answers as far as this program reads them. Closed lists (roles, kinds, states) are plain text here, so that a newer
 * service does not break an older command line.
 */
const Instant = Type.String();
const orNull = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Actor = Type.Object({ id: Type.String(), name: Type.String() });
const Act = Type.Object({ at: Instant, by: Actor, reason: Type.String() });
const Count = Type.Integer();

const Policy = Type.Object({
  schedule: orNull(Type.Object({ cron: Type.String(), timeZone: Type.String() })),
  tokenLifetimeSeconds: Count,
  leaseSeconds: Count,
  refreshSeconds: Count,
  skewSeconds: Count,
  keyBytes: Count,
  keyEncoding: Type.Union([Type.Literal('hex'), Type.Literal('base64url')]),
});

const Served = Type.Object({
  version: Count,
  role: Type.String(),
  kind: Type.String(),
  publishedAt: Instant,
  activatesAt: Instant,
  verifyUntil: orNull(Instant),
  weak: Type.Optional(Type.Boolean()),
});

export const KeyringView = Type.Object({
  name: Type.String(),
  state: Type.String(),
  created: Act,
  changed: Type.Object({ at: Instant, by: Actor }),
  policy: Policy,
  derived: Type.Object({ propagationSeconds: Count, graceSeconds: Count }),
  versions: Type.Array(Served),
  nextRotationAt: orNull(Instant),
  deletion: orNull(Type.Object({ deleted: Act, purgeAt: orNull(Instant), purgedAt: orNull(Instant) })),
});
export type KeyringView = Type.Static<typeof KeyringView>;

/** A key is never short and never empty, or the answer is not taken; only one that is marked as weak may be short, and verifies only. */
const Key = Type.String({ minLength: 32 });
const Previous = { version: Count, key: Key, verifyUntil: orNull(Instant) };
const WeakKey = Type.String({ minLength: 8 });
export const KeysView = Type.Object({
  name: Type.String(),
  current: Type.Object({ version: Count, key: Key, activatesAt: Instant }),
  previous: Type.Array(Type.Union([Type.Object(Previous), Type.Object({ ...Previous, key: WeakKey, weak: Type.Literal(true) })])),
  next: orNull(Type.Object({ version: Count, key: Key, activatesAt: Instant })),
  refreshAfterSeconds: Type.Number(),
  leaseSeconds: Type.Number(),
});
export type KeysView = Type.Static<typeof KeysView>;

export const RotationView = Type.Object({
  name: Type.String(),
  kind: Type.String(),
  version: Count,
  activatesAt: Instant,
  replayed: Type.Boolean(),
});
export type RotationView = Type.Static<typeof RotationView>;

export const RevocationView = Type.Object({ name: Type.String(), revoked: Count, current: Count, next: orNull(Count) });
export type RevocationView = Type.Static<typeof RevocationView>;

const Provenance = Type.Object({
  origin: Type.String(),
  bytes: Count,
  encoding: Type.Optional(Type.String()),
  runtime: Type.Optional(Type.String()),
  openssl: Type.Optional(Type.String()),
  judgement: Type.Optional(Type.String()),
  overridden: Type.Optional(Type.Object({ by: Actor, reason: Type.String() })),
});
export type Provenance = Type.Static<typeof Provenance>;

export const HistoryItem = Type.Object({
  version: Count,
  role: Type.String(),
  kind: Type.String(),
  created: Act,
  activatesAt: Instant,
  verifyUntil: orNull(Instant),
  revoked: orNull(Act),
  destroyedAt: orNull(Instant),
  provenance: Provenance,
});
export type HistoryItem = Type.Static<typeof HistoryItem>;

export const HolderView = Type.Object({
  instance: orNull(Type.String()),
  principal: Type.String(),
  address: Type.String(),
  lastSeen: Instant,
  leaseUntil: Instant,
  isLive: Type.Boolean(),
  offered: Type.Object({ current: Count, newest: Count }),
  holds: orNull(Type.Object({ current: Count, newest: Count, since: Instant })),
  lags: Type.Boolean(),
  mayHoldRevoked: Type.Boolean(),
});
export type HolderView = Type.Static<typeof HolderView>;

const Activation = Type.Object({
  state: Type.String(),
  version: orNull(Count),
  plannedAt: orNull(Instant),
  expectedAt: orNull(Instant),
  message: Type.String(),
});
const Cut = Type.Object({
  versions: Type.Array(Count),
  at: Instant,
  mayHold: Count,
  othersMay: Type.Boolean(),
  cleared: Type.Boolean(),
  clearedAt: Instant,
});
export const InstancesView = Type.Object({
  summary: Type.Object({
    newest: orNull(Count),
    instances: Count,
    anonymous: Count,
    lagging: Count,
    completeSince: orNull(Instant),
    activation: Activation,
    revoked: orNull(Cut),
  }),
});
export type FleetSummary = Type.Static<typeof InstancesView>['summary'];

export const TokenView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  roles: Type.Array(Type.String()),
  keyrings: Type.Array(Type.String()),
  createdAt: Instant,
  expiresAt: orNull(Instant),
  revoked: orNull(Act),
  lastUsedAt: orNull(Instant),
  origin: Type.String(),
});
export type TokenView = Type.Static<typeof TokenView>;

export const IssuedToken = Type.Intersect([TokenView, Type.Object({ token: Type.String({ minLength: 1 }) })]);
export type IssuedToken = Type.Static<typeof IssuedToken>;

export const Judgement = Type.Object({
  acceptable: Type.Boolean(),
  mayVerify: Type.Boolean(),
  bytes: Count,
  faults: Type.Array(Type.String()),
  note: Type.String(),
});
export type Judgement = Type.Static<typeof Judgement>;

/** A page with its items left unread: `--json` hands them on as they came. */
export const Page = Type.Object({ items: Type.Array(Type.Unknown()), next: orNull(Type.String()) });

export const AuditRecord = Type.Object({
  sequence: Count,
  at: Instant,
  action: Type.String(),
  outcome: Type.String(),
  code: orNull(Type.String()),
  principal: orNull(Actor),
  keyring: orNull(Type.String()),
  versions: Type.Array(Count),
  instance: orNull(Type.String()),
  address: orNull(Type.String()),
  reason: orNull(Type.String()),
});
export type AuditRecord = Type.Static<typeof AuditRecord>;

export const AuditVerdict = Type.Object({
  intact: Type.Boolean(),
  records: Count,
  from: Count,
  to: Count,
  head: Type.String(),
  findings: Type.Array(Type.Object({ sequence: Count, problem: Type.String() })),
  unchecked: Type.Array(Type.String()),
});
export type AuditVerdict = Type.Static<typeof AuditVerdict>;

export const AuditRange = Type.Object({ from: Count, to: Count });

export const CheckpointView = Type.Object({
  sequence: Count,
  at: Instant,
  hash: Type.String(),
  signature: Type.String(),
  publicKey: Type.Optional(Type.String()),
});
