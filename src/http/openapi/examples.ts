import { DEFAULT_POLICY } from '../../core/policy.ts';

/** Examples of answers: one keyring, `web`, on the day before its third key begins to sign. */
const OPERATOR = { id: 'token:8ELKCYc9gNOx', name: 'platform team' };
const SCHEDULER = { id: 'system:scheduler', name: 'scheduler' };
const REVISION = '4-4d163b2226c0';
const CREATED = { at: '2026-09-14T09:12:31.407Z', by: OPERATOR, reason: 'sessions of the web shop' };

export const KEYRING = {
  name: 'web',
  revision: REVISION,
  state: 'active',
  created: CREATED,
  changed: { at: '2026-11-01T03:00:00.018Z', by: SCHEDULER },
  policy: DEFAULT_POLICY,
  derived: { propagationSeconds: 86_430, graceSeconds: 2_764_830 },
  versions: [
    {
      version: 3,
      role: 'next',
      kind: 'scheduled',
      publishedAt: '2026-11-01T03:00:00.018Z',
      activatesAt: '2026-11-02T03:00:30.018Z',
      verifyUntil: null,
    },
    {
      version: 2,
      role: 'current',
      kind: 'scheduled',
      publishedAt: '2026-10-01T03:00:00.021Z',
      activatesAt: '2026-10-02T03:00:30.021Z',
      verifyUntil: '2026-12-04T03:01:00.018Z',
    },
  ],
  nextRotationAt: '2026-12-01T03:00:00.000Z',
  deletion: null,
};

export const KEYRING_PAGE = { items: [KEYRING], unreadable: [], next: null };

export const KEYS = {
  name: 'web',
  revision: REVISION,
  current: { version: 2, key: 'an-example-of-64-hex-digits-for-version-2', activatesAt: '2026-10-02T03:00:30.021Z' },
  previous: [{ version: 1, key: 'an-example-of-64-hex-digits-for-version-1', verifyUntil: '2026-11-03T03:01:00.021Z' }],
  next: { version: 3, key: 'an-example-of-64-hex-digits-for-version-3', activatesAt: '2026-11-02T03:00:30.018Z' },
  refreshAfterSeconds: 60,
  leaseSeconds: 86_400,
};

export const ROTATION = {
  name: 'web',
  revision: REVISION,
  version: 3,
  kind: 'scheduled',
  activatesAt: '2026-11-02T03:00:30.018Z',
  replayed: false,
};

export const REVOCATION = { name: 'web', revision: '5-99fd94e8a8ce', revoked: 2, current: 3, next: null };

export const HISTORY_ITEM = {
  version: 2,
  role: 'current',
  kind: 'scheduled',
  created: { at: '2026-10-01T03:00:00.021Z', by: SCHEDULER, reason: 'scheduled rotation' },
  slot: '2026-10-01T03:00:00.000Z',
  activatesAt: '2026-10-02T03:00:30.021Z',
  advanced: null,
  verifyUntil: '2026-12-04T03:01:00.018Z',
  revoked: null,
  destroyedAt: null,
  provenance: {
    origin: 'generated',
    generator: 'node:crypto randomBytes',
    bytes: 32,
    encoding: 'hex',
    runtime: 'Node.js v24.11.0',
    openssl: '3.5.4',
  },
};

export const HISTORY_PAGE = { name: 'web', items: [HISTORY_ITEM], next: 'aGlzdG9yeToy' };

export const HISTORY_CSV =
  'version,role,kind,createdAt,createdById,createdByName,createdReason,slot,activatesAt,advancedAt,advancedById,advancedByName,advancedReason,verifyUntil,revokedAt,revokedById,revokedByName,revokedReason,destroyedAt,origin,bytes,howMade\r\n' +
  '2,current,scheduled,2026-10-01T03:00:00.021Z,system:scheduler,scheduler,scheduled rotation,2026-10-01T03:00:00.000Z,2026-10-02T03:00:30.021Z,,,,,2026-12-04T03:01:00.018Z,,,,,,generated,32,"node:crypto randomBytes, hex, Node.js v24.11.0, OpenSSL 3.5.4"\r\n';

export const TOKEN = {
  id: '8ELKCYc9gNOx',
  name: 'web servers',
  roles: ['app'],
  keyrings: ['web'],
  createdAt: '2026-09-14T09:10:02.118Z',
  createdBy: { id: 'token:MWeeUHRhiLZR', name: 'admin' },
  expiresAt: '2027-09-14T09:10:02.118Z',
  revoked: null,
  lastUsedAt: null,
  origin: 'issued',
};

export const ISSUED_TOKEN = { token: 'keyturn_8ELKCYc9gNOx_(43 more characters)_(6 more)', ...TOKEN };

export const TOKEN_PAGE = { items: [TOKEN], next: null };

export const READINESS = {
  status: 'ready',
  checks: {
    store: { status: 'ok', kind: 'sqlite', silentSeconds: 0 },
    scheduler: { status: 'ok', lastSweepSecondsAgo: 0 },
    clock: { status: 'ok' },
    audit: { status: 'ok', spool: 'none', spooled: 0 },
  },
  overdue: 0,
};

export const METRICS = '# HELP keyturn_ready 1 when the service can serve.\n# TYPE keyturn_ready gauge\nkeyturn_ready 1\n';

export const AUDIT_RECORD = {
  sequence: 48_211,
  at: '2026-11-01T12:00:04.512Z',
  action: 'keys.read',
  outcome: 'done',
  code: null,
  principal: { id: 'token:4Zk1x0QmB7aT', name: 'shop web servers' },
  keyring: 'web',
  versions: [3, 2, 1],
  instance: 'web-7f9c-1',
  address: '10.0.4.17',
  requestId: '5f0c2d81a9b4-11zk',
  reason: null,
};

export const AUDIT_PAGE = { items: [AUDIT_RECORD], next: null };

export const AUDIT_CHECKPOINT = {
  sequence: 48_211,
  at: '2026-11-01T12:05:00.000Z',
  hash: '25949b82805f041ec808a3ef32f081570a6ae6322ffb0b1d47c75714433aae87',
  signature: 'l0mVJq5E3mJ8c2p1o4x7r9s0t2u4v6w8y0A2C4E6G8I0K2M4O6Q8S0U2W4Y6a8c0e2g4i6k8m0o2q4s6u8w0yA==',
};

export const AUDIT_VERDICT = {
  intact: false,
  records: 48_211,
  from: 1,
  to: 48_211,
  head: '25949b82805f041ec808a3ef32f081570a6ae6322ffb0b1d47c75714433aae87',
  findings: [
    {
      sequence: 40_007,
      problem: 'record 40007 is not what was written after record 40006: it, or its hash, was altered, moved or removed',
    },
  ],
  unchecked: ['Whether the whole log was set back to an older state: give a checkpoint that was kept elsewhere (--checkpoint).'],
};

export const PUBLIC_KEY =
  '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n';
