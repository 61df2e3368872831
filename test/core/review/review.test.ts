import t from 'tap';
import { AUDIT_RULES } from '../../../src/core/review/audit-rules.ts';
import type { Facts } from '../../../src/core/review/facts.ts';
import { FLEET_RULES } from '../../../src/core/review/fleet-rules.ts';
import { KEYRING_RULES } from '../../../src/core/review/keyring-rules.ts';
import { FAULT_RULES, FILE_RULES, FOLDER_RULES, SETTINGS_RULES } from '../../../src/core/review/machine-rules.ts';
import { isClean, review } from '../../../src/core/review/review.ts';
import { SERVICE_RULES, SILENCE_RULES } from '../../../src/core/review/service-rules.ts';
import { TOKEN_RULES, TOKENS_RULES } from '../../../src/core/review/token-rules.ts';
import { DAY, HOUR } from '../../../src/core/time.ts';
import { CASES, imported, signed } from './cases.ts';
import { NOW, onlyAdmin, WELL, withAdmin, withKeyring, withMachine, withSettings, withToken } from './facts.ts';

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
  t.notOk(isClean(review(withSettings({ hasBackupRecipient: false }))), 'a warning alone does not');
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
