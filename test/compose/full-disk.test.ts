import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeRecoveryKey } from '../../src/backup/recovery-key.ts';
import { auditTools } from '../../src/compose/audit-tools.ts';
import { changeMasterKey } from '../../src/compose/rekey.ts';
import { restoreBackup } from '../../src/compose/restore.ts';
import { codeOf } from '../../src/core/errors.ts';
import type { KeyringName } from '../../src/core/name.ts';
import { SECOND } from '../../src/core/time.ts';
import { openSqlite } from '../../src/stores/sqlite/sqlite.ts';
import { startTestService, type TestService, type TestServiceOptions } from '../support/service.ts';
import { noSmallDisk, type SmallDisk, smallDisk } from '../support/small-disk.ts';
import { storeRandom, temporaryFolder } from '../support/sqlite.ts';

type Test = Parameters<typeof startTestService>[0];

const PAGE = 4_096;
const REFUSALS = ['store_full', 'audit_unavailable'];

/** What a call that cannot be written is answered; whatever else is a bug. */
function refusedOr(
  t: Test & { ok(value: unknown, message: string): unknown },
  expected: number,
  answer: { status: number; body: { code?: string } | null },
  what: string,
): boolean {
  const isRefused = REFUSALS.includes(answer.body?.code ?? '');
  t.ok(answer.status === expected || isRefused, `${what}: ${answer.status} ${answer.body?.code ?? ''}`);
  return answer.status === expected;
}

async function served(t: Test, disk: SmallDisk, settings: TestServiceOptions['settings'] = {}): Promise<TestService> {
  const service = await startTestService(t, { dataDir: join(disk.path, 'data'), settings });
  await create(service, 'web');
  return service;
}

const create = (service: TestService, name: string) => service.call({ method: 'POST', url: '/v1/keyrings', payload: { name } });
const rotate = (service: TestService, reason: string) =>
  service.call({ method: 'POST', url: '/v1/keyrings/web/rotate', payload: { kind: 'immediate', reason } });
const keys = (service: TestService) => service.call({ url: '/v1/keyrings/web/keys' });

t.test(
  'with every amount of space left, a change is made whole or refused, and goes on when there is room again',
  { skip: noSmallDisk() },
  async (t) => {
    const disk = smallDisk(t);
    const service = await served(t, disk);
    const made = new Set(['web']);
    const rotations: string[] = [];
    let refused = 0;
    for (let pages = 0; pages <= 24; pages += 3) {
      disk.fill(pages * PAGE);
      if (refusedOr(t, 201, await create(service, `k${pages}`), `create with ${pages} pages free`)) made.add(`k${pages}`);
      else refused++;
      if (refusedOr(t, 200, await rotate(service, `with ${pages}`), `rotate with ${pages} pages free`)) rotations.push(`with ${pages}`);
      disk.release();
      await service.clock.advance(2 * SECOND);
    }
    t.ok(refused > 0, 'the disk was full');
    t.equal((await create(service, 'after')).status, 201, 'without a restart');
    t.equal((await keys(service)).status, 200);
    for (const name of made) t.equal((await service.call({ url: `/v1/keyrings/${name}/history` })).status, 200, `${name} is there`);
    const { items } = (await service.call({ url: '/v1/keyrings/web/history?limit=100' })).body;
    const reasons = items.map(({ created }: { created: { reason: string } }) => created.reason);
    for (const reason of rotations) t.ok(reasons.includes(reason), reason);
    t.match((await service.call({ method: 'POST', url: '/v1/audit/verify', payload: {} })).body, { intact: true });
    await service.service.stop();
    const again = await startTestService(t, { dataDir: join(disk.path, 'data'), clock: service.clock });
    const log = await again.call({
      url: '/v1/audit?order=oldest&limit=1000',
      headers: { authorization: `Bearer ${service.admin}` },
      token: null,
    });
    const told = log.body.items.map(({ reason }: { reason: string }) => reason);
    for (const reason of reasons)
      t.ok(told.includes(reason) || told.includes('recovered') || reason === 'created', `${reason} is in the log`);
  },
);

t.test('while the log cannot be written reads are refused, or served where that was chosen', { skip: noSmallDisk() }, async (t) => {
  const disk = smallDisk(t);
  const outcomes: Record<string, number[]> = {};
  for (const onOutage of ['refuse', 'serve-reads'] as const) {
    const service = await startTestService(t, { dataDir: join(disk.path, onOutage), settings: { audit: { onOutage, spoolMegabytes: 1 } } });
    await create(service, 'web');
    disk.fill();
    const seen: number[] = [];
    for (let count = 0; count < 40; count++) seen.push((await keys(service)).status);
    outcomes[onOutage] = seen;
    t.match(await create(service, 'more'), { body: { code: /store_full|audit_unavailable/ } });
    disk.release();
    await service.clock.advance(2 * SECOND);
    t.equal((await keys(service)).status, 200);
    t.equal((await create(service, 'more')).status, 201);
    t.match((await service.call({ method: 'POST', url: '/v1/audit/verify', payload: {} })).body, { intact: true });
    await service.service.stop();
  }
  t.ok(outcomes.refuse?.includes(503));
  t.same(outcomes['serve-reads'], Array(40).fill(200));
});

t.test(
  'backup, restore and change of the master key are refused whole, and succeed when there is room',
  { skip: noSmallDisk() },
  async (t) => {
    const disk = smallDisk(t);
    const { recipient, recoveryKey } = makeRecoveryKey(storeRandom);
    const service = await served(t, disk, { backup: { recipient } });
    const dataDir = join(disk.path, 'data');
    const backup = () => service.app.inject({ method: 'POST', url: '/v1/backup', headers: { authorization: `Bearer ${service.admin}` } });
    const leftovers = (folder: string) => readdirSync(folder).filter((name) => name.startsWith('.snapshot-'));
    for (const pages of [0, 4, 20]) {
      disk.fill(pages * PAGE);
      t.match(await backup(), { statusCode: /503|507/, payload: /store_full|audit_unavailable/ }, `backup with ${pages} pages free`);
      t.same(leftovers(dataDir), []);
      disk.release();
      await service.clock.advance(2 * SECOND);
    }
    const made = await backup();
    t.equal(made.statusCode, 200);
    const file = join(temporaryFolder(t), 'all.backup');
    writeFileSync(file, made.rawPayload);
    await service.service.stop();

    t.teardown(() => delete process.env.KEYTURN_DATA_DIR);
    const machine = { clock: service.clock, random: storeRandom };
    process.env.KEYTURN_DATA_DIR = dataDir;
    disk.fill();
    await t.rejects(changeMasterKey({ ...machine, progress: () => undefined }), { code: 'store_full' });
    disk.release();
    await changeMasterKey({ ...machine, progress: () => undefined });
    t.match(await auditTools().verifyFolder(dataDir, null), { intact: true });

    const target = join(disk.path, 'restored');
    process.env.KEYTURN_DATA_DIR = target;
    const restore = () => restoreBackup({ file, recoveryKey, since: 'nothing-revoked', audit: [], keepTokens: true }, machine);
    const tried: string[] = [];
    for (let pages = 0; pages < 160 && tried.at(-1) !== 'done'; pages += 30) {
      disk.fill(pages * PAGE);
      tried.push(await restore().then(() => 'done', codeOf));
      disk.release();
      t.same(leftovers(target), [], 'nothing of the backup is left');
    }
    t.match(tried, ['store_full', 'store_full']);
    t.same([...new Set(tried)].sort(), ['done', 'store_full'], 'refused until there was room');
    t.match(await restore(), { keyrings: [{ name: 'web', outcome: 'kept' }] });
    t.match(await auditTools().verifyFolder(target, null), { intact: true });
  },
);

t.test('a service on a full disk stops, and leaves its folder free', { skip: noSmallDisk() }, async (t) => {
  const disk = smallDisk(t);
  const service = await served(t, disk);
  disk.fill();
  t.notSame((await create(service, 'more')).status, 201);
  await service.service.stop();
  disk.release();
  const again = openSqlite({
    dataDir: join(disk.path, 'data'),
    masterKey: { from: 'data-folder' },
    clock: service.clock,
    random: storeRandom,
  });
  t.match(await again.store.load('web' as KeyringName), { keyring: { name: 'web' } });
  again.close();
});
