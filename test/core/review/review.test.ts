import t from 'tap';
import { AUDIT_RULES } from '../../../src/core/review/audit-rules.ts';
import type { Facts, FileFacts } from '../../../src/core/review/facts.ts';
import type { Severity } from '../../../src/core/review/finding.ts';
import { FLEET_RULES } from '../../../src/core/review/fleet-rules.ts';
import { KEYRING_RULES } from '../../../src/core/review/keyring-rules.ts';
import { FAULT_RULES, FILE_RULES, FOLDER_RULES, SETTINGS_RULES } from '../../../src/core/review/machine-rules.ts';
import { isClean, review } from '../../../src/core/review/review.ts';
import { SERVICE_RULES, SILENCE_RULES } from '../../../src/core/review/service-rules.ts';
import { TOKEN_RULES, TOKENS_RULES } from '../../../src/core/review/token-rules.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../../src/core/time.ts';
import {
  NOW,
  onlyAdmin,
  version,
  WELL,
  withAdmin,
  withAudit,
  withFleet,
  withKeyring,
  withMachine,
  withPolicy,
  withService,
  withSettings,
  withToken,
} from './facts.ts';

/** Facts that bring a finding, and facts that only just do not. */
interface Case {
  readonly id: string;
  readonly severity: Exclude<Severity, 'ok'>;
  readonly bad: Facts;
  readonly found: string | RegExp;
  readonly remedy: string | RegExp;
  readonly good: Facts;
}

const on = (url: string, facts: Facts): Facts => ({ ...facts, url });
const schedule = (cron: string) => ({ cron, timeZone: 'UTC' });
const signed = (days: number, next = false) => [...(next ? [version({ role: 'next' })] : []), version({ activatesAt: NOW - days * DAY })];
const unscheduled = { ...WELL.keyrings?.[0]?.policy, schedule: null } as NonNullable<Facts['keyrings']>[number]['policy'];
const imported = (change: object) => version({ isImported: true, judgement: 'no fault found', ...change });
const file = (mode: number): FileFacts => ({ path: "/data/it's mine", isFolder: false, mode });
const revokedInUse = { versions: [2], mayHold: 1, until: NOW + HOUR };
const holder = { name: 'web-2', lastSeen: NOW, lags: true };

const CASES: readonly Case[] = [
  {
    id: 'service.unreachable',
    severity: 'critical',
    bad: { ...WELL, service: { silent: 'Cannot reach http://127.0.0.1:8460.' }, keyrings: null, tokens: null },
    found: 'Cannot reach',
    remedy: 'keyturn health',
    good: WELL,
  },
  {
    id: 'service.store-silent',
    severity: 'critical',
    bad: withService({ store: { failing: true, kind: 'sqlite', silentSeconds: 61 } }),
    found: 'its store (sqlite) has not answered for 1 minute',
    remedy: 'bring the store back',
    good: withService({ store: { failing: false, kind: 'sqlite', silentSeconds: 14 } }),
  },
  {
    id: 'service.scheduler-late',
    severity: 'warning',
    bad: withService({ scheduler: { failing: true, lastSweepSecondsAgo: 120 } }),
    found: 'the last sweep ran 2 minutes ago',
    remedy: 'sweep.cron',
    good: withService({ scheduler: { failing: false, lastSweepSecondsAgo: 2 } }),
  },
  {
    id: 'service.clock-behind',
    severity: 'critical',
    bad: withService({ clock: { failing: true } }),
    found: 'behind the last change',
    remedy: 'timedatectl',
    good: withService({ clock: { failing: false } }),
  },
  {
    id: 'service.clock-offset',
    severity: 'warning',
    bad: withService({ ahead: { least: -95 * SECOND, most: -94 * SECOND } }),
    found: "its clock is 1 minute behind this machine's; 30 seconds are allowed for",
    remedy: 'timedatectl',
    good: withService({ ahead: { least: 29 * SECOND, most: 33 * SECOND } }),
  },
  {
    id: 'service.overdue',
    severity: 'warning',
    bad: withService({ overdue: 1 }),
    found: '1 keyring that your token does not see is overdue',
    remedy: 'keyturn doctor',
    good: { ...withKeyring({ isOverdue: true }), service: { ...WELL.service, overdue: 1 } as Facts['service'] },
  },
  {
    id: 'service.plain-http',
    severity: 'critical',
    bad: on('http://keys.example:8460', WELL),
    found: 'plain HTTP at keys.example',
    remedy: 'tls.certFile',
    good: on('http://[::1]:8460', WELL),
  },
  {
    id: 'service.metrics-open',
    severity: 'advice',
    bad: on('https://keys.example', WELL),
    found: '/metrics is open',
    remedy: 'metrics: { access: token }',
    good: on('https://keys.example', withService({ metricsOpen: false, docsOpen: null })),
  },
  {
    id: 'service.docs-open',
    severity: 'advice',
    bad: withSettings({ host: '0.0.0.0', hasTls: true }),
    found: '/docs is open',
    remedy: 'docs: { enabled: false }',
    good: WELL,
  },
  {
    id: 'keyring.overdue',
    severity: 'critical',
    bad: withKeyring({ isOverdue: true, nextRotationAt: NOW - 3 * DAY }),
    found: 'it is overdue since 3 days',
    remedy: 'look for web in the log',
    good: withKeyring({ nextRotationAt: NOW - MINUTE }),
  },
  {
    id: 'keyring.signs-too-long',
    severity: 'critical',
    bad: withKeyring({ versions: signed(731) }),
    found: 'its key has signed for 2 years',
    remedy: 'keyturn rotate web --reason "older than two years"',
    good: withKeyring({ versions: signed(730) }),
  },
  {
    id: 'keyring.not-rotated',
    severity: 'warning',
    bad: withKeyring({ policy: unscheduled, nextRotationAt: null, versions: signed(91) }),
    found: 'it has no schedule, and its key has signed for 91 days',
    remedy: 'keyturn update web --cron "0 3 1 * *"',
    good: withKeyring({ policy: unscheduled, nextRotationAt: null, versions: signed(90) }),
  },
  {
    id: 'keyring.far-slot',
    severity: 'warning',
    bad: withKeyring({ nextRotationAt: NOW + 401 * DAY }),
    found: 'its next slot is in 401 days (cron "0 3 1 * *")',
    remedy: 'keyturn schedule preview web',
    good: withKeyring({ nextRotationAt: NOW + 400 * DAY }),
  },
  {
    id: 'keyring.imported',
    severity: 'warning',
    bad: withKeyring({ versions: [imported({})] }),
    found: 'the key that signs was imported 24 days ago and never rotated since (judged: no fault found)',
    remedy: 'keyturn rotate web --reason "replace the imported key"',
    good: withKeyring({ versions: [version({ role: 'next' }), imported({})] }),
  },
  {
    id: 'keyring.weak',
    severity: 'warning',
    bad: withKeyring({ versions: [version({}), version({ version: 1, role: 'previous', isWeak: true, verifyUntil: NOW + DAY })] }),
    found: 'version 1 is weak and verifies until 2026-11-25T12:00:00.000Z',
    remedy: 'keyturn revoke web 1',
    good: withKeyring({ versions: [version({}), version({ version: 1, role: 'previous', verifyUntil: NOW + DAY })] }),
  },
  {
    id: 'keyring.few-refreshes',
    severity: 'warning',
    bad: withPolicy({ leaseSeconds: 899, refreshSeconds: 300 }),
    found: 'a lease of 14 minutes has fewer than 3 refreshes (one each 5 minutes)',
    remedy: 'keyturn update web --refresh 299s',
    good: withPolicy({ leaseSeconds: 900, refreshSeconds: 300 }),
  },
  {
    id: 'keyring.lease-against-slots',
    severity: 'advice',
    bad: withPolicy({ schedule: schedule('0 3 * * *'), leaseSeconds: 43_201 }),
    found: 'its lease of 12 hours is longer than half the time between two slots (1 day)',
    remedy: 'keyturn update web --lease 43200s',
    good: withPolicy({ schedule: schedule('0 3 * * *'), leaseSeconds: 43_200 }),
  },
  {
    id: 'keyring.short-lease',
    severity: 'advice',
    bad: withPolicy({ leaseSeconds: 599 }),
    found: 'its lease is only 9 minutes',
    remedy: 'keyturn update web --lease 1h',
    good: withPolicy({ leaseSeconds: 600 }),
  },
  {
    id: 'keyring.slow-refresh',
    severity: 'advice',
    bad: withPolicy({ refreshSeconds: 7_200 }),
    found: 'its instances ask only once in 2 hours',
    remedy: 'keyturn update web --refresh 60s',
    good: withPolicy({ refreshSeconds: 3_600 }),
  },
  {
    id: 'fleet.revoked-in-use',
    severity: 'critical',
    bad: withFleet({ revokedInUse }),
    found: 'version 2 is revoked, and 1 known instance may use it until 2026-11-24T13:00:00.000Z',
    remedy: 'keyturn instances web --all',
    good: withFleet({ revokedInUse: null }),
  },
  {
    id: 'fleet.lags',
    severity: 'warning',
    bad: withFleet({ holders: [holder] }),
    found: 'without the newest key: web-2',
    remedy: 'keyturn instances web --all',
    good: withKeyring({
      versions: [version({ role: 'next', publishedAt: NOW - 180 * SECOND }), version({})],
      fleet: { anonymous: 0, holders: [holder], revokedInUse: null },
    }),
  },
  {
    id: 'fleet.slow',
    severity: 'advice',
    bad: withFleet({ holders: Array.from({ length: 7 }, (_, i) => ({ name: `web-${i}`, lastSeen: NOW - 8 * MINUTE - 1, lags: false })) }),
    found: /over 3 refreshes: web-0, web-1, web-2, web-3, web-4 and 2 more$/,
    remedy: 'keyturn instances web --all',
    good: withFleet({ holders: [{ name: 'web-1', lastSeen: NOW - 8 * MINUTE, lags: false }] }),
  },
  {
    id: 'fleet.anonymous',
    severity: 'advice',
    bad: withFleet({ anonymous: 2 }),
    found: 'callers of 2 tokens hold leases without naming themselves',
    remedy: 'Keyturn-Instance',
    good: withFleet({ anonymous: 0 }),
  },
  {
    id: 'token.bootstrap',
    severity: 'warning',
    bad: withAdmin({ isBootstrap: true, expiresAt: null, roles: ['app', 'operator', 'auditor', 'admin'], createdAt: NOW - 8 * DAY }),
    found: 'the admin token of the first start is still good after 8 days',
    remedy: 'keyturn token revoke adminAAAAAAA --reason "replaced"',
    good: withAdmin({}),
  },
  {
    id: 'token.admin-without-expiry',
    severity: 'warning',
    bad: withAdmin({ expiresAt: null }),
    found: 'it may administer and never expires',
    remedy: 'keyturn token revoke adminAAAAAAA',
    good: withAdmin({ expiresAt: NOW + 15 * DAY }),
  },
  {
    id: 'token.app-without-expiry',
    severity: 'advice',
    bad: withToken({ expiresAt: null, isDeclared: true }),
    found: 'it reads keys and never expires',
    remedy: 'change it under tokens: in the config file',
    good: withToken({ expiresAt: null, roles: ['auditor'] }),
  },
  {
    id: 'token.app-everything',
    severity: 'warning',
    bad: withToken({ keyrings: ['web', '*'] }),
    found: 'it reads the keys of every keyring',
    remedy: 'keyturn token new web-1 --role app --keyring web',
    good: withToken({ keyrings: ['web-*'] }),
  },
  {
    id: 'token.operator-and-app',
    severity: 'warning',
    bad: withToken({ roles: ['app', 'operator'] }),
    found: 'for an operator and for app servers at once',
    remedy: 'keyturn token revoke 4fQ0aB81xYzK',
    good: withToken({ roles: ['operator', 'auditor'] }),
  },
  {
    id: 'token.unused',
    severity: 'warning',
    bad: withToken({ lastUsedAt: NOW - 91 * DAY, createdAt: NOW - 200 * DAY }),
    found: 'it was not used for 91 days',
    remedy: 'keyturn token revoke 4fQ0aB81xYzK --reason "unused"',
    good: withToken({ lastUsedAt: null, createdAt: NOW - 90 * DAY }),
  },
  {
    id: 'token.ends-soon',
    severity: 'warning',
    bad: withToken({ expiresAt: NOW + 14 * DAY }),
    found: 'it expires in 14 days',
    remedy: 'keyturn token new --role app',
    good: withToken({ expiresAt: NOW + 14 * DAY + 1 }),
  },
  {
    id: 'tokens.one-admin',
    severity: 'advice',
    bad: onlyAdmin,
    found: 'only one token may administer',
    remedy: 'keyturn token new admin-2',
    good: WELL,
  },
  {
    id: 'config.fault',
    severity: 'critical',
    bad: withMachine({ faults: [{ path: '/port', message: 'must be a whole number' }], settings: null }),
    found: 'must be a whole number',
    remedy: 'keyturn doctor',
    good: WELL,
  },
  {
    id: 'config.plain-listener',
    severity: 'warning',
    bad: withSettings({ host: '0.0.0.0' }),
    found: 'it listens on 0.0.0.0 without TLS',
    remedy: 'tls.certFile',
    good: withSettings({ host: '0.0.0.0', trustsProxies: 'some' }),
  },
  {
    id: 'config.trusts-anybody',
    severity: 'warning',
    bad: withSettings({ trustsProxies: 'all' }),
    found: 'trustProxy is true',
    remedy: 'trustProxy: [',
    good: withSettings({ trustsProxies: 'some' }),
  },
  {
    id: 'config.certificate-ends',
    severity: 'critical',
    bad: withSettings({ hasTls: true, certificateUntil: NOW }),
    found: 'its certificate ended 2026-11-24T12:00:00.000Z',
    remedy: 'put a new pair at tls.certFile',
    good: withSettings({ hasTls: true, certificateUntil: NOW + 22 * DAY }),
  },
  {
    id: 'config.no-backup',
    severity: 'warning',
    bad: withSettings({ hasBackupRecipient: false }),
    found: 'no recipient of backups',
    remedy: 'keyturn backup key --out recovery.key',
    good: withSettings({ hasBackupRecipient: true }),
  },
  {
    id: 'files.admin-token',
    severity: 'warning',
    bad: withMachine({ adminTokenId: 'adminAAAAAAA' }),
    found: 'admin.token is still there, and its token may still be good',
    remedy: 'rm /var/lib/keyturn/admin.token',
    good: withMachine({ adminTokenId: null }),
  },
  {
    id: 'files.master-key-beside-data',
    severity: 'advice',
    bad: { ...WELL, machine: beside(NOW) },
    found: 'the master key lies beside the data',
    remedy: 'KEYTURN_MASTER_KEY_FILE',
    good: withMachine({ masterKeyWrittenAt: NOW }),
  },
  {
    id: 'files.master-key-old',
    severity: 'advice',
    bad: { ...WELL, machine: beside(NOW - 731 * DAY) },
    found: 'the master key is 2 years old',
    remedy: 'keyturn rekey',
    good: { ...WELL, machine: beside(NOW - 730 * DAY) },
  },
  {
    id: 'files.open',
    severity: 'critical',
    bad: withMachine({ files: [file(0o640)] }),
    found: 'it is open to others (mode 0640)',
    remedy: "chmod 600 '/data/it'\\''s mine'",
    good: withMachine({ files: [file(0o600)] }),
  },
  {
    id: 'audit.not-intact',
    severity: 'critical',
    bad: withAudit({ isIntact: false, verdict: 'record 7 is not as it was written' }),
    found: 'record 7',
    remedy: 'keyturn audit verify',
    good: WELL,
  },
  {
    id: 'audit.serves-unrecorded',
    severity: 'advice',
    bad: withAudit({ onOutage: 'serve-reads' }),
    found: 'served while the audit log cannot be written',
    remedy: 'onOutage: refuse',
    good: withAudit({ onOutage: null }),
  },
  {
    id: 'audit.old-checkpoint',
    severity: 'warning',
    bad: withAudit({ lastCheckpointAt: NOW - 32 * DAY }),
    found: 'the last checkpoint is 32 days old',
    remedy: 'keyturn audit checkpoint',
    good: withAudit({ lastCheckpointAt: NOW - 31 * DAY }),
  },
];

function beside(writtenAt: number) {
  const machine = withSettings({ hasMasterKey: false }).machine;
  return machine === null ? null : { ...machine, masterKeyWrittenAt: writtenAt };
}

const RULES = [
  SERVICE_RULES,
  SILENCE_RULES,
  KEYRING_RULES,
  FLEET_RULES,
  TOKEN_RULES,
  TOKENS_RULES,
  FAULT_RULES,
  SETTINGS_RULES,
  FOLDER_RULES,
  FILE_RULES,
  AUDIT_RULES,
].flat();

t.test('every rule has a case, and no case is without a rule', async (t) => {
  t.same(CASES.map(({ id }) => id).toSorted(), RULES.map(({ id }) => id).toSorted());
});

for (const { id, severity, bad, found, remedy, good } of CASES) {
  t.test(`${id} is found, and only just not`, async (t) => {
    const [finding, ...more] = review(bad).findings.filter((finding) => finding.id === id);
    t.match(finding, { severity, found, remedy });
    t.not(finding?.why, '');
    t.same(more, []);
    t.same(
      review(good).findings.filter((finding) => finding.id === id),
      [],
    );
  });
}

t.test('a well kept service has a clean bill: one line for each area, all of them ok', async (t) => {
  const report = review(WELL);
  t.ok(isClean(report));
  t.same(
    report.findings.map(({ id, severity }) => [id, severity]),
    ['service.ok', 'keyrings.ok', 'instances.ok', 'tokens.ok', 'configuration.ok', 'data.ok', 'audit.ok'].map((id) => [id, 'ok']),
  );
});

t.test('the worst comes first, and one warning is enough for a bill that is not clean', async (t) => {
  const facts = {
    ...withSettings({ hasBackupRecipient: false }),
    ...{ keyrings: withKeyring({ versions: signed(800) }).keyrings },
    tokens: onlyAdmin.tokens,
  };
  const report = review(facts);
  t.same(
    report.findings.slice(0, 3).map(({ severity }) => severity),
    ['critical', 'warning', 'advice'],
  );
  t.notOk(isClean(report));
  t.ok(isClean(review(onlyAdmin)), 'advice alone leaves it clean');
});

t.test('what could not be seen is neither good nor bad', async (t) => {
  const unseen = [{ what: 'tokens', needs: 'a token with the role admin' }];
  const report = review({ ...WELL, keyrings: null, tokens: null, machine: null, audit: null, unseen });
  t.same(
    report.findings.map(({ id }) => id),
    ['service.ok'],
  );
  t.same(report.unseen, unseen);
});

t.test('the token of the first start is one finding, not five; a declared token is never unused', async (t) => {
  const bootstrap = withAdmin({ isBootstrap: true, expiresAt: null, roles: ['app', 'operator', 'admin'], createdAt: NOW - HOUR });
  t.match(
    review(bootstrap).findings.filter(({ id }) => id.startsWith('token.')),
    [{ id: 'token.bootstrap', severity: 'advice' }],
  );
  t.same(
    review(withToken({ isDeclared: true, lastUsedAt: null, createdAt: 0 })).findings.filter(({ id }) => id === 'token.unused'),
    [],
  );
});

t.test('milder forms: a fresh import is advice, a folder that is open a warning, admin.token of a dead token advice', async (t) => {
  const severity = (id: string, facts: Facts) => review(facts).findings.find((finding) => finding.id === id)?.severity;
  t.equal(severity('keyring.imported', withKeyring({ versions: [imported({ publishedAt: NOW - HOUR })] })), 'advice');
  t.equal(severity('keyring.overdue', withKeyring({ isOverdue: true, nextRotationAt: NOW - HOUR })), 'warning');
  t.equal(severity('files.open', withMachine({ files: [{ path: '/data', isFolder: true, mode: 0o750 }] })), 'warning');
  t.equal(severity('files.admin-token', withMachine({ adminTokenId: 'revokedAAAAA' })), 'advice');
  t.equal(severity('config.certificate-ends', withSettings({ hasTls: true, certificateUntil: NOW + 20 * DAY })), 'warning');
});
