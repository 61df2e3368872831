import { DEFAULT_POLICY } from '../../../src/core/policy.ts';
import type {
  AuditFacts,
  Facts,
  FleetFacts,
  KeyringFacts,
  MachineFacts,
  ServiceFacts,
  SettingsFacts,
  TokenFacts,
  VersionFacts,
} from '../../../src/core/review/facts.ts';
import { DAY, HOUR, type Instant, MINUTE } from '../../../src/core/time.ts';

export const NOW: Instant = Date.parse('2026-11-24T12:00:00.000Z');

const VERSION: VersionFacts = {
  version: 3,
  role: 'current',
  publishedAt: NOW - 24 * DAY,
  activatesAt: NOW - 23 * DAY,
  verifyUntil: null,
  isImported: false,
  isWeak: false,
  judgement: null,
};
const FLEET: FleetFacts = { anonymous: 0, holders: [{ name: 'web-1', lastSeen: NOW - MINUTE, lags: false }], revokedInUse: null };
const KEYRING: KeyringFacts = {
  name: 'web',
  policy: DEFAULT_POLICY,
  nextRotationAt: Date.parse('2026-12-01T03:00:00.000Z'),
  isOverdue: false,
  versions: [VERSION],
  fleet: FLEET,
};
const TOKEN: TokenFacts = {
  id: '4fQ0aB81xYzK',
  name: 'web servers',
  roles: ['app'],
  keyrings: ['web'],
  createdAt: NOW - 30 * DAY,
  expiresAt: NOW + 300 * DAY,
  lastUsedAt: NOW - HOUR,
  isBootstrap: false,
  isDeclared: false,
};
const ADMIN: TokenFacts = { ...TOKEN, id: 'adminAAAAAAA', name: 'admin', roles: ['admin'], keyrings: ['*'] };
const SERVICE: ServiceFacts = {
  status: 'ready',
  store: { failing: false, kind: 'sqlite', silentSeconds: 0 },
  scheduler: { failing: false, lastSweepSecondsAgo: 1 },
  clock: { failing: false },
  audit: { failing: false, spoolFailing: false, spooled: 0 },
  overdue: 0,
  ahead: { least: -900, most: 150 },
  metricsOpen: true,
  docsOpen: true,
  mostOpenFiles: 65_536,
};
const SETTINGS: SettingsFacts = {
  host: '127.0.0.1',
  hasTls: false,
  certificateUntil: null,
  trustsProxies: 'none',
  hasMasterKey: true,
  hasBackupRecipient: true,
  connections: 60_000,
  onAuditOutage: 'refuse',
};
const MACHINE: MachineFacts = {
  faults: [],
  settings: SETTINGS,
  dataDir: '/var/lib/keyturn',
  files: [
    { path: '/var/lib/keyturn', isFolder: true, mode: 0o700 },
    { path: '/var/lib/keyturn/keyturn.db', isFolder: false, mode: 0o600 },
  ],
  adminTokenId: null,
  masterKeyWrittenAt: null,
  damagedSpools: [],
};
const AUDIT: AuditFacts = { isIntact: true, verdict: 'records 1 to 12 are intact', withoutCheckpointSince: NOW - DAY };

/** What a well kept service shows. */
export const WELL: Facts = {
  now: NOW,
  url: 'http://127.0.0.1:8460',
  service: SERVICE,
  keyrings: [KEYRING],
  tokens: [TOKEN, ADMIN, { ...ADMIN, id: 'adminBBBBBBB', name: 'second admin' }],
  machine: MACHINE,
  audit: AUDIT,
  unseen: [],
};

export const withService = (change: Partial<ServiceFacts>): Facts => ({ ...WELL, service: { ...SERVICE, ...change } });
export const withKeyring = (change: Partial<KeyringFacts>): Facts => ({ ...WELL, keyrings: [{ ...KEYRING, ...change }] });
export const withPolicy = (change: Partial<KeyringFacts['policy']>): Facts => withKeyring({ policy: { ...DEFAULT_POLICY, ...change } });
export const withFleet = (change: Partial<FleetFacts>): Facts => withKeyring({ fleet: { ...FLEET, ...change } });
export const withToken = (change: Partial<TokenFacts>): Facts => ({
  ...WELL,
  tokens: [{ ...TOKEN, ...change }, ADMIN, { ...ADMIN, id: 'b' }],
});
export const withAdmin = (change: Partial<TokenFacts>): Facts => ({ ...WELL, tokens: [{ ...ADMIN, ...change }, ADMIN] });
export const withMachine = (change: Partial<MachineFacts>): Facts => ({ ...WELL, machine: { ...MACHINE, ...change } });
export const withSettings = (change: Partial<SettingsFacts>): Facts => withMachine({ settings: { ...SETTINGS, ...change } });
export const withAudit = (change: Partial<AuditFacts>): Facts => ({ ...WELL, audit: { ...AUDIT, ...change } });
export const version = (change: Partial<VersionFacts>): VersionFacts => ({ ...VERSION, ...change });
export const onlyAdmin: Facts = { ...WELL, tokens: [TOKEN, ADMIN] };
