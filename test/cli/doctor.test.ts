import { readFileSync } from 'node:fs';
import t from 'tap';
import { problem } from '../support/api-server.ts';
import { badReport, elsewhere, GOLDEN, KEPT_BADLY, machine, OPEN_FOLDER, WELL } from './doctor-fixtures.ts';
import { keyturn } from './keyturn.ts';

t.test('doctor prints a clean bill and exits with 0; it asks nothing that changes anything', async (t) => {
  const { exit, out, err, seen } = await keyturn(['doctor'], WELL, elsewhere);
  t.same([exit, err], [0, '']);
  t.match(out, /^Review of http:\/\/127\.0\.0\.1:\d+, 2026-11-24 12:00:00 UTC\n\nok {8}service/);
  t.match(out, "\nNot looked at\n  data folder and configuration: needs to run on the service's machine");
  t.match(out, /\n5 ok\.\n$/);
  t.same(
    seen.filter(({ method }) => method !== 'GET').map(({ path }) => path),
    ['/v1/audit/verify'],
  );
  t.same(
    seen.filter(({ headers }) => headers.authorization === undefined).map(({ path }) => path),
    ['/metrics', '/docs'],
  );
});

t.test(
  'doctor tells the worst first, each with its reason and its remedy, and exits with 1 (npx node test/cli/write-doctor.ts)',
  async (t) => {
    const { exit, out, err } = await badReport();
    t.equal(exit, 1);
    t.equal(out, readFileSync(GOLDEN, 'utf8'));
    t.match(err, /^keyturn: The review is not clean: 6 critical, 10 warnings\.\n$/);
  },
);

t.test('doctor --json is the report for programs; --quiet leaves out what is no warning', async (t) => {
  const { exit, out } = await keyturn(['doctor', '--json'], KEPT_BADLY, { atMachine: machine(OPEN_FOLDER) });
  const report = JSON.parse(out);
  t.match(report, { at: '2026-11-24T12:00:00.000Z', service: /^http:/, clean: false, unseen: [] });
  t.same(Object.keys(report.findings[0]), ['id', 'severity', 'subject', 'found', 'why', 'remedy']);
  t.equal(exit, 1);
  const quiet = await keyturn(['doctor', '--quiet'], KEPT_BADLY, { atMachine: machine(OPEN_FOLDER) });
  t.notMatch(quiet.out, /^(?:ok|advice|Review)/m);
  t.match(quiet.out, /^critical /);
  const silent = await keyturn(['doctor', '-q'], WELL, elsewhere);
  t.same([silent.exit, silent.out, silent.err], [0, '', '']);
});

t.test('doctor works with the roles that the token has, and says what it could not see', async (t) => {
  const refused = { status: 403, body: problem(403, 'forbidden', 'This needs another role.') };
  const auditor = await keyturn(['doctor'], { ...WELL, 'GET /v1/tokens': refused }, elsewhere);
  t.equal(auditor.exit, 0);
  t.match(auditor.out, '  tokens: needs a token with the role admin\n');
  t.match(auditor.out, /^ok {8}keyrings: 1 keyring looked at$/m);
  const administrator = await keyturn(['doctor'], { ...WELL, 'GET /v1/keyrings': refused }, elsewhere);
  t.match(administrator.out, '  keyrings and instances: needs a token with the role operator or auditor\n');
  t.match(administrator.out, /^ok {8}tokens: 3 tokens looked at$/m);
  const bounded = await keyturn(
    ['doctor'],
    { ...WELL, 'GET /v1/audit?action=audit.verify&limit=1': { body: { items: [], next: null } } },
    elsewhere,
  );
  t.match(bounded.out, '  checkpoints of the audit log: needs a token with the role auditor for all keyrings\n');
  t.match(bounded.out, /^ok {8}audit log: records 1 to 12 are intact$/m);
  const operator = await keyturn(['doctor'], { ...WELL, 'POST /v1/audit/verify': refused }, elsewhere);
  t.match([operator.exit, operator.out], [0, '  audit log: needs a token with the role auditor\n']);
  const busy = { status: 500, body: problem(500, 'internal', 'Something went wrong.') };
  const without = await keyturn(['doctor'], { ...WELL, 'GET /v1/keyrings/web/instances': busy }, elsewhere);
  t.match(without.out, '  instances of web: needs another try: Something went wrong.\n');
  t.match(without.out, /^ok {8}tokens: 3 tokens looked at$/m, 'the rest is looked at all the same');
  const unknown = { status: 401, body: problem(401, 'unauthenticated', 'Send a token.') };
  const nobody = await keyturn(
    ['doctor'],
    { ...WELL, 'GET /v1/keyrings': unknown, 'GET /v1/tokens': unknown },
    { ...elsewhere, token: null },
  );
  t.equal(nobody.exit, 0);
  t.match(nobody.out, '  tokens: needs a token that is good');
  t.match(nobody.out, /^ok {8}service /m);
});

t.test('a service that does not answer is a finding, and the machine is looked at all the same', async (t) => {
  const { exit, out } = await keyturn(['doctor'], {}, { url: 'http://127.0.0.1:9', atMachine: machine(OPEN_FOLDER) });
  t.equal(exit, 1);
  t.match(out, /^critical {2}service http:\/\/127\.0\.0\.1:9: Cannot reach/m);
  t.match(out, 'master.key: it is open to others (mode 0644)');
  t.match(out, '  keyrings, instances, tokens and audit log: needs a service that answers');
  const proxy = await keyturn(['doctor'], { 'GET /readyz': { body: '<html>' } }, elsewhere);
  t.match(proxy.out, "The answer is not Keyturn's");
});
