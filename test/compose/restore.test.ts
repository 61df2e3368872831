import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { makeRecoveryKey } from '../../src/backup/recovery-key.ts';
import { auditTools } from '../../src/compose/audit-tools.ts';
import { restoreBackup } from '../../src/compose/restore.ts';
import { MINUTE } from '../../src/core/time.ts';
import type { RestoreRequest } from '../../src/ports/at-machine.ts';
import { inEnvironment } from '../support/environment.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { storeRandom, temporaryFolder } from '../support/sqlite.ts';

type Test = Parameters<typeof startTestService>[0];

const LATER = Date.parse('2030-01-01T00:00:00Z');

/** The folder that the tools at the machine work on. */
function workOn(dataDir: string): string {
  process.env.KEYTURN_DATA_DIR = dataDir;
  return dataDir;
}

t.teardown(() => delete process.env.KEYTURN_DATA_DIR);

/** A service with two keyrings and a backup of it. */
async function backedUp(t: Test) {
  const folder = temporaryFolder(t);
  const dataDir = workOn(join(folder, 'data'));
  const { recipient, recoveryKey } = makeRecoveryKey(storeRandom);
  const service = await startTestService(t, { dataDir, settings: { backup: { recipient } } });
  for (const name of ['api', 'web']) await post(service, '/v1/keyrings', { name });
  await service.clock.advance(MINUTE);
  const file = join(folder, 'all.backup');
  writeFileSync(file, (await service.app.inject({ method: 'POST', url: '/v1/backup', headers: bearer(service) })).rawPayload);
  await service.clock.advance(MINUTE);
  const request: RestoreRequest = { file, recoveryKey, since: 'nothing-revoked', audit: [], keepTokens: true };
  const restore = (where: string, changes: Partial<RestoreRequest> = {}) => {
    workOn(where);
    return restoreBackup({ ...request, ...changes }, { clock: service.clock, random: storeRandom });
  };
  return { folder, dataDir, service, restore };
}

const bearer = ({ admin }: TestService) => ({ authorization: `Bearer ${admin}` });

async function post(service: TestService, url: string, payload: object) {
  const answer = await service.call({ method: 'POST', url, payload });
  if (answer.status >= 300) throw new Error(`${url}: ${answer.text}`);
  return answer.body;
}

async function records(t: Test, dataDir: string, service: TestService) {
  const again = await startTestService(t, { dataDir, clock: service.clock });
  const listed = await again.call({ url: '/v1/audit?order=oldest&limit=1000', headers: bearer(service), token: null });
  await again.service.stop();
  return listed.body.items;
}

const leftovers = (dataDir: string) => readdirSync(dataDir).filter((name) => name.startsWith('.snapshot-'));
const actionsOf = (items: { action: string }[]) => items.map(({ action }) => action);

t.test(
  'into an empty folder the log of the backup is placed whole, goes on there, and verifies with the keys that came along',
  async (t) => {
    const { folder, dataDir, service, restore } = await backedUp(t);
    const { body: checkpoint } = await service.call({ url: '/v1/audit/checkpoint' });
    await service.service.stop();
    const before = await auditTools().verifyFolder(dataDir, null);
    const empty = join(folder, 'empty');
    t.match(await restore(empty), { keyrings: [{ outcome: 'reinstated' }, { outcome: 'reinstated' }] });
    const after = await auditTools().verifyFolder(empty, null);
    t.match(after, { intact: true, from: 1 });
    t.notMatch(after.unchecked, [/seals/], 'the seals were checked');
    t.ok(before.intact);
    const items = await records(t, empty, service);
    t.same(actionsOf(items).slice(0, 2), ['keyring.create', 'keyring.create'], 'what the old folder recorded');
    t.match(
      items.filter(({ action }: { action: string }) => action === 'backup.restore'),
      [
        { reason: /^begun: from the backup of/ },
        { keyring: 'api', versions: [1 + 100 + 120], principal: { name: 'restore' } },
        { keyring: 'web', versions: [1 + 100 + 120] },
        { reason: /^ended: 2 keyrings are back, 0 stayed/ },
      ],
    );
    t.notOk(
      items.some(({ reason }: { reason: string }) => reason === 'recovered'),
      'each keyring that came back has its record',
    );
    t.equal(
      (await auditTools().verifyFolder(empty, { ...checkpoint, at: Date.parse(checkpoint.at) })).intact,
      false,
      'a later checkpoint finds what is missing',
    );
  },
);

t.test('a folder that has a log keeps its own, also where only its database was lost: the backup holds the keys of that log', async (t) => {
  const { dataDir, service, restore } = await backedUp(t);
  await post(service, '/v1/keyrings', { name: 'later' });
  await service.service.stop();
  const had = await auditTools().verifyFolder(dataDir, null);
  await restore(dataDir);
  t.match(await auditTools().verifyFolder(dataDir, null), { intact: true, to: had.to + 2, unchecked: [/older state/] });
  for (const name of ['keyturn.db', 'keyturn.db-wal']) rmSync(join(dataDir, name), { force: true });
  await restore(dataDir);
  t.match(await auditTools().verifyFolder(dataDir, null), { intact: true, to: had.to + 6, unchecked: [/older state/] });
  t.ok((await records(t, dataDir, service)).some(({ keyring }: { keyring: string }) => keyring === 'later'));
});

t.test('a backup whose record cannot be written is taken back, and leaves no plain copy', async (t) => {
  const { dataDir, service } = await backedUp(t);
  service.ledger.full = true;
  const answer = await service.call({ method: 'POST', url: '/v1/backup' });
  service.ledger.full = false;
  t.match(answer, { status: 503, body: { code: 'audit_unavailable' } });
  for (let turn = 0; turn < 500 && leftovers(dataDir).length > 0; turn++) await setTimeout(10);
  t.same(leftovers(dataDir), []);
});

t.test('a log that neither folder sealed is not written on', async (t) => {
  const { folder, dataDir, service, restore } = await backedUp(t);
  await service.service.stop();
  const other = await startTestService(t, { dataDir: join(folder, 'other') });
  await post(other, '/v1/keyrings', { name: 'alien' });
  await other.service.stop();
  rmSync(join(dataDir, 'audit.db'));
  renameSync(join(folder, 'other', 'audit.db'), join(dataDir, 'audit.db'));
  await t.rejects(restore(dataDir), { code: 'corrupt_document', message: /move it away to begin a new log/ });
});

t.test('after a restore the registry of leases does not claim to be complete', async (t) => {
  const { folder, service, restore } = await backedUp(t);
  const at = service.clock.now();
  await service.service.stop();
  const empty = join(folder, 'empty');
  await restore(empty);
  const again = await startTestService(t, { dataDir: empty, clock: service.clock });
  await service.clock.advance(MINUTE);
  const fleet = await again.call({ url: '/v1/keyrings/web/instances', headers: bearer(service), token: null });
  t.equal(Date.parse(fleet.body.summary.completeSince), at + 1);
});

/** Two minutes after the keyrings were made, and their second version was the last that the log knows. */
const FAR = 2 + 100 + 120;

t.test('an export of the log tells what ended after the backup', async (t) => {
  const { folder, dataDir, service, restore } = await backedUp(t);
  await post(service, '/v1/keyrings/web/rotate', { kind: 'immediate', reason: 'month' });
  await post(service, '/v1/keyrings/api/rotate', { kind: 'immediate', reason: 'month' });
  await post(service, '/v1/keyrings/web/versions/1/revoke', { reason: 'leaked' });
  await service.service.stop();
  const file = join(folder, 'log.ndjson');
  await auditTools().exportUntil(LATER, file);
  const empty = join(folder, 'empty');
  const outcome = await restore(empty, { since: null, audit: [file] });
  t.match(outcome, {
    knownUntil: /^2026-/,
    keyrings: [
      { name: 'api', outcome: 'reinstated', current: FAR, ended: [] },
      { name: 'web', outcome: 'reinstated', current: FAR, ended: [1] },
    ],
  });
  t.match(await auditTools().verifyFolder(empty, null), { intact: true });
  t.ok(existsSync(join(dataDir, 'audit.db')));
});

t.test('an emergency rotation is known by the versions that its record names', async (t) => {
  const { folder, service, restore } = await backedUp(t);
  await post(service, '/v1/keyrings/web/rotate', { kind: 'emergency', reason: 'leaked' });
  await post(service, '/v1/keyrings/api/versions/1/revoke', { reason: 'leaked too' });
  await service.service.stop();
  const file = join(folder, 'log.ndjson');
  await auditTools().exportUntil(LATER, file);
  t.match(await restore(join(folder, 'empty'), { since: null, audit: [file] }), {
    keyrings: [
      { name: 'api', current: FAR, ended: [1] },
      { name: 'web', current: FAR, ended: [1] },
    ],
  });
});

t.test('a version number that was given after the export ended is not given again', async (t) => {
  const { folder, service, restore } = await backedUp(t);
  await post(service, '/v1/keyrings/web/rotate', { kind: 'immediate', reason: 'known to the export' });
  const file = join(folder, 'log.ndjson');
  writeFileSync(file, (await exported(service)).text);
  for (let count = 0; count < 3; count++) {
    await service.clock.advance(MINUTE);
    await post(service, '/v1/keyrings/web/rotate', { kind: 'emergency', reason: 'not known to it' });
  }
  const { current } = (await service.call({ url: '/v1/keyrings/web/keys' })).body;
  await service.service.stop();
  const numbers = async (where: string) => {
    const { keyrings } = await restore(join(folder, where), { since: null, audit: [file] });
    return keyrings.map((keyring) => (keyring.outcome === 'reinstated' ? keyring.current : 0));
  };
  const first = await numbers('one');
  t.ok(Math.min(...first) > current.version, `${first} after ${current.version}`);
  await service.clock.advance(MINUTE);
  const second = await numbers('two');
  t.ok(Math.min(...second) > Math.max(...first), 'and a second restore of the same backup gives others than the first');
});

/** What a running service exports of the last minutes. */
async function exported(service: TestService) {
  return service.call({ method: 'POST', url: '/v1/audit/export', payload: { until: new Date(service.clock.now() + 1).toISOString() } });
}

/** A log that was exported and dropped twice, and exported a third time; the backup lies before the first. */
async function inParts(t: Test) {
  const made = await backedUp(t);
  const { folder, service } = made;
  const exports = join(folder, 'exports');
  mkdirSync(exports);
  const part = async (name: string, isDropped: boolean) => {
    const { text } = await exported(service);
    writeFileSync(join(exports, name), text);
    const [header = '', last = ''] = [text.split('\n', 1)[0], text.trimEnd().split('\n').at(-1)];
    const payload = { from: JSON.parse(header).begin.sequence + 1, checkpoint: JSON.parse(last).checkpoint };
    if (isDropped) await post(service, '/v1/audit/drop', payload);
    await service.clock.advance(1_000);
  };
  await post(service, '/v1/keyrings/web/rotate', { kind: 'emergency', reason: 'leaked' });
  await part('z.ndjson', true);
  await post(service, '/v1/keyrings/api/rotate', { kind: 'emergency', reason: 'leaked' });
  await part('m.ndjson', true);
  await post(service, '/v1/keyrings/web/rotate', { kind: 'immediate', reason: 'month' });
  await part('a.ndjson', false);
  await service.service.stop();
  return { ...made, exports };
}

t.test('several exports tell it together, in any order or as the folder that they are in', async (t) => {
  const { folder, exports, restore } = await inParts(t);
  writeFileSync(join(exports, 'checkpoint.json'), '{}');
  const both = {
    keyrings: [
      { name: 'api', ended: [1] },
      { name: 'web', ended: [1] },
    ],
  };
  const files = ['a', 'm', 'z'].map((name) => join(exports, `${name}.ndjson`));
  t.match(await restore(join(folder, 'one'), { since: null, audit: files }), both);
  t.match(await restore(join(folder, 'two'), { since: null, audit: [exports] }), both, 'and what else is there is passed over');
  t.match(await restore(join(folder, 'three'), { since: null, audit: [exports, ...files] }), both, 'twice is once');
  const [, , first = ''] = files;
  const lacking = {
    keyrings: [
      { name: 'api', ended: [] },
      { name: 'web', ended: [1] },
    ],
  };
  t.match(await restore(join(folder, 'four'), { since: null, audit: [first] }), lacking, 'one knows what it holds');
});

t.test('exports with a gap between them, or of logs that parted, tell nothing', async (t) => {
  const { folder, exports, restore } = await inParts(t);
  const [last, middle, first] = ['a', 'm', 'z'].map((name) => join(exports, `${name}.ndjson`)) as [string, string, string];
  const empty = join(folder, 'empty');
  const gap = { code: 'precondition_failed', message: /begins after record/ };
  await t.rejects(restore(empty, { since: null, audit: [first, last] }), gap);
  await t.rejects(restore(empty, { since: null, audit: [middle, last] }), gap, 'between the backup and the first');
  writeFileSync(middle, readFileSync(middle, 'utf8').replace('leaked', 'lost'));
  await t.rejects(restore(empty, { since: null, audit: [exports] }), { code: 'precondition_failed', message: /altered/ });
  rmSync(middle);
  rmSync(last);
  rmSync(first);
  await t.rejects(restore(empty, { since: null, audit: [exports] }), { code: 'precondition_failed', message: /nothing in it lies behind/ });
});

t.test('an export that names an earlier end than it has is not passed over', async (t) => {
  const { folder, exports, restore } = await inParts(t);
  const [middle, first] = ['m', 'z'].map((name) => join(exports, `${name}.ndjson`)) as [string, string];
  const lines = readFileSync(middle, 'utf8').trimEnd().split('\n');
  const { checkpoint } = JSON.parse(lines.at(-1) ?? '');
  lines.splice(-1, 1, JSON.stringify({ checkpoint: { ...checkpoint, sequence: 1 } }));
  writeFileSync(middle, `${lines.join('\n')}\n`);
  const altered = { code: 'precondition_failed', message: /checkpoint at the end/ };
  await t.rejects(restore(join(folder, 'empty'), { since: null, audit: [first, middle] }), altered);
});

t.test('an export that is altered, too old, or of another log tells nothing', async (t) => {
  const { folder, service, restore } = await backedUp(t);
  const other = await startTestService(t, { dataDir: join(folder, 'other') });
  await post(other, '/v1/keyrings', { name: 'web' });
  await other.service.stop();
  await service.service.stop();
  workOn(join(folder, 'other'));
  const alien = join(folder, 'alien.ndjson');
  await auditTools().exportUntil(LATER, alien);
  const empty = join(folder, 'empty');
  await t.rejects(restore(empty, { since: null, audit: [alien] }), { code: 'precondition_failed', message: /another public key/ });
  writeFileSync(join(folder, 'old.ndjson'), '');
  await t.rejects(restore(empty, { since: null, audit: [join(folder, 'old.ndjson')] }), { code: 'precondition_failed' });
  await t.rejects(restore(empty, { since: null, audit: [join(folder, 'none.ndjson')] }), { code: 'invalid_config' });
});

t.test('a master key that is there and is not that of the backup is never written over', async (t) => {
  const { folder, service, restore } = await backedUp(t);
  await service.service.stop();
  const dataDir = join(folder, 'moved-away');
  mkdirSync(dataDir);
  const key = join(dataDir, 'master.key');
  writeFileSync(key, `${'ab'.repeat(32)}\n`, { mode: 0o600 });
  await t.rejects(restore(dataDir), { code: 'invalid_config', message: /move it away/ });
  t.equal(readFileSync(key, 'utf8'), `${'ab'.repeat(32)}\n`);
  t.same(readdirSync(dataDir), ['master.key'], 'and nothing was begun');
});

t.test('a configuration of another store is refused, and nothing is made in the data folder', async (t) => {
  const { folder, restore } = await backedUp(t);
  inEnvironment(t, {
    KEYTURN_STORE: 'postgres',
    KEYTURN_POSTGRES_URL: 'postgres://k:k@127.0.0.1:1/k',
    KEYTURN_MASTER_KEY: '5a'.repeat(32),
  });
  await t.rejects(restore(join(folder, 'other')), { code: 'invalid_config', message: /docs\/stores.md/ });
  t.notOk(existsSync(join(folder, 'other')));
});
