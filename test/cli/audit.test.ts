import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { AuditTools } from '../../src/cli/audit-tools.ts';
import { AUDIT_CHECKPOINT, AUDIT_PAGE, AUDIT_VERDICT, PUBLIC_KEY } from '../../src/http/openapi/examples.ts';
import { keyturn } from './keyturn.ts';

const INTACT = { ...AUDIT_VERDICT, intact: true, findings: [] };

function tools(changes: Partial<AuditTools>): { auditTools: () => Promise<AuditTools> } {
  const none = () => Promise.reject(new Error('Not in this test.'));
  return {
    auditTools: async () => ({
      verifyFolder: none,
      verifyStore: none,
      verifyFile: none,
      exportUntil: none,
      dropExported: none,
      ...changes,
    }),
  };
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
  const verifyStore: AuditTools['verifyStore'] = async (known) => {
    asked.push(known);
    return INTACT;
  };
  t.equal((await keyturn(['audit', 'verify', '--store', '--checkpoint', file], {}, tools({ verifyStore }))).exit, 0);
  t.match(asked[1], { sequence: AUDIT_CHECKPOINT.sequence, publicKey: PUBLIC_KEY });
  t.equal((await keyturn(['audit', 'verify', '--store', '--data-dir', 'copy'], {}, tools({}))).exit, 2);
  t.equal((await keyturn(['audit', 'verify', '--store', '--file', 'x'], {}, tools({}))).exit, 2);
  writeFileSync(file, '{}');
  t.equal((await keyturn(['audit', 'verify', '--checkpoint', file])).exit, 2);
});

t.test('export and drop say what they did', async (t) => {
  const done = { from: 1, to: 9 };
  const exported = await keyturn(
    ['audit', 'export', '--until', '2026-11-01T00:00:00Z', '--out', 'x'],
    {},
    tools({ exportUntil: async () => done }),
  );
  t.match(exported.out, 'Records 1 to 9 are in x.');
  t.equal((await keyturn(['audit', 'export', '--until', 'soon', '--out', 'x'], {}, tools({}))).exit, 2);
  t.match(
    (await keyturn(['audit', 'drop', '--exported', 'x'], {}, tools({ dropExported: async () => done }))).out,
    'Records 1 to 9 were deleted',
  );
});
