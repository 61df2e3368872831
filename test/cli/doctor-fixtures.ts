import type { MachineFacts } from '../../src/core/review/facts.ts';
import type { AtMachine } from '../../src/ports/at-machine.ts';
import type { Routes } from '../support/api-server.ts';
import { act, FRESH, historyItem, NOW, TOKEN, WEB } from './fixtures.ts';
import { keyturn } from './keyturn.ts';

/** The report on a service that is kept badly. */
export const GOLDEN = new URL('./doctor.golden.txt', import.meta.url);

export const machine = (facts: MachineFacts | null) => async (): Promise<AtMachine> => ({
  inspect: async () => facts,
  rekey: () => Promise.reject(new Error('Nobody asked for that.')),
  restore: () => Promise.reject(new Error('Nobody asked for that.')),
  migrate: () => Promise.reject(new Error('Nobody asked for that.')),
  callOffMigration: () => Promise.reject(new Error('Nobody asked for that.')),
});
export const elsewhere = { atMachine: machine(null) };

const READY = {
  status: 'ready',
  checks: {
    store: { status: 'ok', kind: 'sqlite', silentSeconds: 0 },
    scheduler: { status: 'ok', lastSweepSecondsAgo: 1 },
    clock: { status: 'ok' },
    audit: { status: 'ok' },
  },
  overdue: 0,
  overdueKeyrings: [],
};
const fleet = (summary: object = {}, items: readonly object[] = []) => ({
  body: {
    name: 'web',
    summary: {
      newest: 1,
      instances: items.length,
      anonymous: 0,
      lagging: 0,
      completeSince: null,
      activation: { state: 'none', version: null, plannedAt: null, expectedAt: null, message: '' },
      revoked: null,
      ...summary,
    },
    items,
    next: null,
  },
});
const admin = (id: string) => ({
  ...TOKEN,
  id,
  name: `admin ${id}`,
  roles: ['admin'],
  keyrings: ['*'],
  expiresAt: '2027-11-01T00:00:00.000Z',
});
const page = (...items: readonly object[]) => ({ body: { items, next: null } });
const date = (millis: number) => ({ date: new Date(millis).toUTCString() });

const VERDICT = { intact: true, records: 12, from: 1, to: 12, head: 'ab'.repeat(32), findings: [], unchecked: [] };

export const WELL: Routes = {
  'GET /readyz': { body: READY, headers: date(NOW) },
  'GET /metrics': { body: '' },
  'GET /docs': { body: '' },
  'GET /v1/keyrings': page(FRESH),
  'GET /v1/keyrings/web/instances': fleet(),
  'POST /v1/audit/verify': { body: VERDICT },
  'GET /v1/audit?action=audit.verify&limit=1': page({ at: '2026-11-24T12:00:00.000Z' }),
  'GET /v1/audit?action=audit.checkpoint&outcome=done&limit=1': page({ at: '2026-11-20T12:00:00.000Z' }),
  'GET /v1/tokens': page({ ...TOKEN, expiresAt: '2027-11-01T00:00:00.000Z' }, admin('AAAAAAAAAAAA'), admin('BBBBBBBBBBBB')),
};

const holder = {
  instance: 'web-2',
  principal: 'token:4fQ0aB81xYzK',
  address: '10.0.0.11',
  lastSeen: '2026-11-24T11:59:30.000Z',
  leaseUntil: '2026-11-25T11:59:30.000Z',
  isLive: true,
  offered: { current: 4, newest: 5 },
  holds: null,
  lags: true,
  mayHoldRevoked: false,
};
const [first] = WEB.versions.slice(1);
const LEGACY = {
  ...WEB,
  name: 'legacy',
  policy: { ...WEB.policy, schedule: null, leaseSeconds: 120 },
  nextRotationAt: null,
  versions: [
    { ...first, version: 2, kind: 'imported', verifyUntil: null },
    { ...first, role: 'previous', weak: true },
  ],
};
export const KEPT_BADLY: Routes = {
  ...WELL,
  'POST /v1/audit/verify': { body: { ...VERDICT, intact: false, findings: [{ sequence: 7, problem: 'it was altered' }] } },
  'GET /v1/audit?action=audit.checkpoint&outcome=done&limit=1': { body: { items: [], next: 'c1' } },
  'GET /v1/audit?action=audit.checkpoint&outcome=done&limit=1&after=c1': page(),
  'GET /v1/audit?order=oldest&limit=1': page({ at: '2026-09-01T00:00:00.000Z' }),
  'GET /readyz': {
    status: 503,
    headers: date(NOW - 90_000),
    body: {
      ...READY,
      status: 'not ready',
      checks: { ...READY.checks, store: { status: 'failing', kind: 'sqlite', silentSeconds: 61 } },
      overdue: 2,
      overdueKeyrings: ['legacy'],
    },
  },
  'GET /v1/keyrings': [{ body: { items: [FRESH], next: 'c1' } }],
  'GET /v1/keyrings?after=c1': page(LEGACY, { ...LEGACY, name: 'gone', state: 'deleted' }),
  'GET /v1/keyrings/web/instances': fleet({ anonymous: 1 }, [
    holder,
    { ...holder, instance: null },
    { ...holder, instance: 'old', isLive: false },
  ]),
  'GET /v1/keyrings/legacy/instances': fleet({
    revoked: {
      versions: [1],
      at: '2026-11-24T11:00:00.000Z',
      mayHold: 1,
      othersMay: false,
      cleared: false,
      clearedAt: '2026-11-24T13:00:00.000Z',
    },
  }),
  'GET /v1/keyrings/legacy/history': page(historyItem(2, 'x')),
  'GET /v1/tokens': page(
    { ...TOKEN, name: 'bootstrap', roles: ['app', 'admin'], createdBy: { id: 'system:bootstrap', name: 'first start' } },
    { ...TOKEN, id: 'revokedAAAAA', revoked: act('lost') },
    { ...TOKEN, id: 'expiredAAAAA', expiresAt: '2026-11-01T00:00:00.000Z' },
  ),
};
export const OPEN_FOLDER: MachineFacts = {
  faults: [{ path: '/port', message: 'must be a whole number from 0 to 65535' }],
  settings: null,
  dataDir: '/var/lib/keyturn',
  files: [{ path: '/var/lib/keyturn/master.key', isFolder: false, mode: 0o644 }],
  adminTokenId: TOKEN.id,
  masterKeyWrittenAt: NOW,
  damagedSpools: ['/var/lib/keyturn/spool/20261123T081500000Z-web-3-1f9c2a77.damaged'],
};

/** Types `doctor` against the service that is kept badly, its port made a fixed one. */
export async function badReport() {
  const { exit, out, err } = await keyturn(['doctor'], KEPT_BADLY, { atMachine: machine(OPEN_FOLDER) });
  return { exit, err, out: out.replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:8460') };
}
