import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { AuditTools } from '../../src/cli/audit-tools.ts';
import { AUDIT_CHECKPOINT, AUDIT_PAGE, AUDIT_VERDICT, PUBLIC_KEY } from '../../src/http/openapi/examples.ts';
import { keyturn } from './keyturn.ts';

const INTACT = { ...AUDIT_VERDICT, intact: true, findings: [] };

function tools(changes: Partial<AuditTools>): { auditTools: () => Promise<AuditTools> } {
  const none = () => Promise.reject(new Error('Not in this test.'));
  const tools = { verifyFolder: none, verifyStore: none, verifyFile: none, claimOf: none, exportUntil: none, dropExported: none };
  return { auditTools: async () => ({ ...tools, restingLog: () => null, ...changes }) };
}

t.test('records are listed for people and as JSON, with filters', async (t) => {
  const page = { 'GET /v1/audit?action=keys.read&keyring=web&order=oldest': { body: AUDIT_PAGE } };
  const words = ['audit', 'list', '--action', 'keys.read', '--keyring', 'web', '--oldest'];
  const shown = await keyturn(words, page);
  t.equal(shown.exit, 0, shown.err);
  t.match(shown.out, /48211 +2026-11-01 12:00:04 UTC +keys\.read +done +shop web servers +web +3 2 1 +web-7f9c-1/);
  t.same(JSON.parse((await keyturn([...words, '--json'], page)).out), AUDIT_PAGE);
});

t.test('a log that is not intact ends with exit code 1 and names the record', async (t) => {
  const { exit, out, err } = await keyturn(['audit', 'verify'], { 'POST /v1/audit/verify': { body: AUDIT_VERDICT } });
  t.equal(exit, 1);
  t.match(out, /NOT intact.*\n {2}record 40007: record 40007 is not what was written/);
  t.match(err, /record 40007/);
  t.equal((await keyturn(['audit', 'verify'], { 'POST /v1/audit/verify': { body: INTACT } })).exit, 0);
});

t.test('a kept checkpoint is sent, or handed to the tools with its public key', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'keyturn-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'checkpoint.json');
  writeFileSync(file, JSON.stringify({ ...AUDIT_CHECKPOINT, publicKey: PUBLIC_KEY }));
  const { seen } = await keyturn(['audit', 'verify', '--checkpoint', file], { 'POST /v1/audit/verify': { body: INTACT } });
  t.same(seen[0]?.body, { checkpoint: AUDIT_CHECKPOINT });
  const asked: unknown[] = [];
  const verifyFolder: AuditTools['verifyFolder'] = async (...call) => {
    asked.push(call);
    return INTACT;
  };
  t.equal((await keyturn(['audit', 'verify', '--data-dir', 'copy', '--checkpoint', file], {}, tools({ verifyFolder }))).exit, 0);
  t.match(asked, [['copy', { sequence: AUDIT_CHECKPOINT.sequence, at: Date.parse(AUDIT_CHECKPOINT.at), publicKey: PUBLIC_KEY }]]);
  writeFileSync(file, '{}');
  t.equal((await keyturn(['audit', 'verify', '--checkpoint', file])).exit, 2);
});

const EXPORT = ['audit', 'export', '--until', '2026-11-01T00:00:00Z', '--out'];
const at = Date.parse(AUDIT_CHECKPOINT.at);
const claimOf = async () => ({ from: 1, checkpoint: { ...AUDIT_CHECKPOINT, at } });

t.test('an export is what the service sends, in a new file, verified', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'keyturn-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'out.ndjson');
  const routes = { 'POST /v1/audit/export': { headers: { 'content-type': 'application/x-ndjson' }, body: 'lines' } };
  const { out, seen, exit, err } = await keyturn([...EXPORT, file], routes, tools({ claimOf }));
  t.equal(exit, 0, err);
  t.match(out, `Records 1 to ${AUDIT_CHECKPOINT.sequence} are in ${file}.`);
  t.same(seen[0]?.body, { until: '2026-11-01T00:00:00.000Z' });
  t.ok(readFileSync(file, 'utf8').includes('lines'));
  t.equal((await keyturn(['audit', 'export', '--until', 'soon', '--out', 'x'], {}, tools({}))).exit, 2);
});

t.test('an export that is cut leaves no file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'keyturn-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'out.ndjson');
  const { exit, err } = await keyturn([...EXPORT, file], { 'POST /v1/audit/export': { hangUp: true } }, tools({ claimOf }));
  t.equal(exit, 3);
  t.match(err, /not whole, and no file was kept\. See: keyturn audit verify/);
  t.notOk(existsSync(file));
});

t.test('a drop shows the service the end of the file that was verified', async (t) => {
  const routes = { 'POST /v1/audit/drop': { body: { from: 1, to: 9 } } };
  const { out, seen } = await keyturn(['audit', 'drop', '--exported', 'x'], routes, tools({ claimOf }));
  t.match(out, 'Records 1 to 9 were deleted from the log. Keep x');
  t.same(seen[0]?.body, { from: 1, checkpoint: AUDIT_CHECKPOINT });
});

t.test('where no service listens the log is taken as it lies; a refusal is an answer', async (t) => {
  const done = { from: 1, to: 9 };
  const resting = tools({ claimOf, restingLog: () => '/data', exportUntil: async () => done, dropExported: async () => done });
  const url = 'http://127.0.0.1:9';
  const exported = await keyturn([...EXPORT, 'x'], {}, { ...resting, url });
  t.match(exported, { exit: 0, out: 'Records 1 to 9 are in x.\n', err: /No service answers; the log in \/data is taken/ });
  const dropped = await keyturn(['audit', 'drop', '--exported', 'x'], {}, { ...resting, url });
  t.match(dropped, { exit: 0, out: /Records 1 to 9 were deleted/ });
  t.equal((await keyturn([...EXPORT, 'x'], {}, { ...tools({}), url })).exit, 3, 'no log is at hand');
  t.equal((await keyturn(['audit', 'drop', '--exported', 'x'], {}, resting)).exit, 1, 'a 404');
});
