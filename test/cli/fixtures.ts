/** Answers of the API, as of 2026-11-24T12:00:00Z. */
export const NOW = Date.parse('2026-11-24T12:00:00.000Z');

const admin = { id: 'token:abc', name: 'admin' };
export const act = (reason: string, at = '2026-11-01T03:00:00.000Z') => ({ at, by: admin, reason });

export const WEB = {
  name: 'web',
  revision: '7',
  state: 'active',
  created: act('first'),
  changed: { at: '2026-11-24T11:00:00.000Z', by: admin },
  policy: {
    schedule: { cron: '0 3 1 * *', timeZone: 'UTC' },
    tokenLifetimeSeconds: 2_678_400,
    leaseSeconds: 86_400,
    refreshSeconds: 60,
    skewSeconds: 30,
    keyBytes: 32,
    keyEncoding: 'hex',
  },
  derived: { propagationSeconds: 86_430, graceSeconds: 2_764_830 },
  versions: [
    {
      version: 2,
      role: 'next',
      kind: 'scheduled',
      publishedAt: '2026-11-24T11:00:00.000Z',
      activatesAt: '2026-11-25T11:00:30.000Z',
      verifyUntil: null,
    },
    {
      version: 1,
      role: 'current',
      kind: 'created',
      publishedAt: '2026-11-01T03:00:00.000Z',
      activatesAt: '2026-11-01T03:00:00.000Z',
      verifyUntil: '2026-12-27T11:01:00.000Z',
    },
  ],
  nextRotationAt: '2026-12-01T03:00:00.000Z',
  deletion: null,
};

export const FRESH = { ...WEB, versions: [{ ...WEB.versions[1], verifyUntil: null }] };

export const KEY_1 = 'a1'.repeat(16) + 'b2'.repeat(16);
export const KEY_2 = 'c3'.repeat(16) + 'd4'.repeat(16);
export const KEY_3 = 'e5'.repeat(16) + 'f6'.repeat(16);

export const WEB_KEYS = {
  name: 'web',
  revision: '7',
  current: { version: 2, key: KEY_2, activatesAt: '2026-11-01T03:00:00.000Z' },
  previous: [{ version: 1, key: KEY_1, verifyUntil: '2026-12-03T03:01:00.000Z' }],
  next: { version: 3, key: KEY_3, activatesAt: '2026-11-25T11:00:30.000Z' },
  refreshAfterSeconds: 60,
  leaseSeconds: 86_400,
};

export const ROTATION = {
  name: 'web',
  revision: '8',
  kind: 'scheduled',
  version: 2,
  activatesAt: '2026-11-25T12:00:30.000Z',
  replayed: false,
};

export const historyItem = (version: number, reason: string) => ({
  version,
  role: version === 1 ? 'retired' : 'current',
  kind: 'scheduled',
  created: act(reason),
  slot: null,
  activatesAt: '2026-11-02T03:00:30.000Z',
  advanced: null,
  verifyUntil: null,
  revoked: version === 1 ? act('lost', '2026-11-03T00:00:00.000Z') : null,
  destroyedAt: version === 1 ? '2026-11-03T00:00:01.000Z' : null,
  provenance: { origin: 'imported', bytes: 32, judgement: 'no fault found' },
});

export const TOKEN = {
  id: '4fQ0aB81xYzK',
  name: 'web servers',
  roles: ['app'],
  keyrings: ['web'],
  createdAt: '2026-11-01T03:00:00.000Z',
  createdBy: admin,
  expiresAt: null,
  revoked: null,
  lastUsedAt: '2026-11-24T11:57:00.000Z',
  origin: 'issued',
};
