import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { auditTools } from '../../src/compose/audit-tools.ts';
import { startTestService } from '../support/service.ts';
import { temporaryFolder } from '../support/sqlite.ts';

const create = (name: string) => ({ method: 'POST', url: '/v1/keyrings', payload: { name } }) as const;

/** A data folder at rest with some records, a checkpoint that was kept, and the tools for it. */
async function atRest(t: Parameters<typeof startTestService>[0]) {
  const dataDir = temporaryFolder(t);
  const before = process.env.KEYTURN_DATA_DIR;
  process.env.KEYTURN_DATA_DIR = dataDir;
  t.teardown(() => {
    if (before === undefined) delete process.env.KEYTURN_DATA_DIR;
    else process.env.KEYTURN_DATA_DIR = before;
  });
  const service = await startTestService(t, { dataDir });
  for (const name of ['a', 'b', 'c']) await service.call(create(name));
  const { body } = await service.call({ url: '/v1/audit/checkpoint' });
  await service.service.stop();
  return { dataDir, known: { ...body, at: Date.parse(body.at) }, tools: auditTools(), folder: temporaryFolder(t) };
}

const LATER = Date.parse('2030-01-01T00:00:00Z');

t.test('a copy of a data folder is verified without the service: fully with its master key, in part without', async (t) => {
  const { dataDir, known, tools, folder } = await atRest(t);
  const copy = join(folder, 'copy');
  cpSync(dataDir, copy, { recursive: true });
  t.match(await tools.verifyFolder(copy, known), { intact: true, unchecked: [] });
  writeFileSync(join(copy, 'master.key'), 'ab'.repeat(32), { mode: 0o600 });
  await t.rejects(tools.verifyFolder(copy, known), { code: 'wrong_master_key', message: /the one given has id/ });
  rmSync(join(copy, 'master.key'));
  t.match(await tools.verifyFolder(copy, known), { intact: true, unchecked: [/seals/] });
  rmSync(join(copy, 'keyturn.db'));
  t.match(await tools.verifyFolder(copy, known), { intact: true, unchecked: [/seals/] });
  t.match((await tools.verifyFolder(copy, { ...known, sequence: 99 })).intact, false);
});

t.test('what was exported is verified, dropped, and the rest of the log is intact', async (t) => {
  const { dataDir, known, tools, folder } = await atRest(t);
  const file = join(folder, 'segment.ndjson');
  const exported = await tools.exportUntil(LATER, file);
  t.match(exported, { from: 1 });
  t.match(await tools.verifyFile(file, known), { intact: true, to: exported?.to });
  t.same(await tools.dropExported(file), exported);
  t.match(
    await tools.verifyFolder(dataDir, null),
    { intact: true, from: (exported?.to ?? 0) + 1, records: 2 },
    'export and drop are recorded',
  );
  await t.rejects(tools.dropExported(file), { code: 'export_mismatch', message: /begins at record 1/ }, 'once');
});

t.test('nothing is dropped for a file that was altered', async (t) => {
  const { dataDir, tools, folder } = await atRest(t);
  const file = join(folder, 'segment.ndjson');
  await tools.exportUntil(LATER, file);
  writeFileSync(file, readFileSync(file, 'utf8').replace('"keyring":"b"', '"keyring":"x"'));
  await t.rejects(tools.dropExported(file), { code: 'export_mismatch', message: /Nothing was deleted/ });
  t.match(await tools.verifyFolder(dataDir, null), { intact: true, from: 1 });
});

t.test('an export never writes over a file, and writes none where there is nothing', async (t) => {
  const { tools, folder } = await atRest(t);
  const file = join(folder, 'there.ndjson');
  t.equal(await tools.exportUntil(0, file), null);
  t.notOk(existsSync(file));
  writeFileSync(file, 'precious');
  await t.rejects(tools.exportUntil(LATER, file), { code: 'invalid_config' });
  t.equal(readFileSync(file, 'utf8'), 'precious');
});

t.test('a folder without a log is said to be one', async (t) => {
  await t.rejects(auditTools().verifyFolder(temporaryFolder(t), null), { code: 'invalid_config', message: /There is no audit log in/ });
});
