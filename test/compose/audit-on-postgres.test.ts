import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import t, { type Test } from 'tap';
import { auditTools } from '../../src/compose/audit-tools.ts';
import { ManualClock } from '../support/clock.ts';
import { inEnvironment } from '../support/environment.ts';
import { noPostgres, startPostgres } from '../support/postgres.ts';
import { freshSchema } from '../support/postgres-store.ts';
import { adminOf, startReplica } from '../support/replicas.ts';
import { START } from '../support/service.ts';
import { temporaryFolder } from '../support/sqlite.ts';

const LATER = Date.parse('2030-01-01T00:00:00Z');

t.test('the tools on the log in PostgreSQL, while replicas run', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  const owner = new pg.Client(server.url());
  await owner.connect();
  t.teardown(() => owner.end());

  /** Two replicas with some records, a checkpoint that was kept, and the tools as they are configured beside them. */
  async function running(t: Test) {
    const schema = freshSchema();
    const clock = new ManualClock(START);
    const replicas = [await startReplica(t, server, { schema, clock }), await startReplica(t, server, { schema, clock })] as const;
    const token = adminOf(replicas);
    const create = (name: string, by = 0) =>
      replicas[by]?.call({ token, method: 'POST', url: '/v1/keyrings', payload: { name } }).then(({ status }) => status);
    for (const [index, name] of ['a', 'b', 'c'].entries()) t.equal(await create(name, index % 2), 201);
    const { body } = await replicas[0].call({ token, url: '/v1/audit/checkpoint' });
    const dataDir = temporaryFolder(t);
    const url = join(dataDir, 'postgres.url');
    writeFileSync(url, server.url(), { mode: 0o600 });
    inEnvironment(t, {
      KEYTURN_DATA_DIR: join(dataDir, 'data'),
      KEYTURN_CONFIG: settingsFile(dataDir, schema),
      KEYTURN_STORE: 'postgres',
      KEYTURN_POSTGRES_URL_FILE: url,
      KEYTURN_MASTER_KEY: '5a'.repeat(32),
    });
    const verify = () => replicas[1].call({ token, method: 'POST', url: '/v1/audit/verify', payload: {} });
    return {
      schema,
      dataDir,
      create,
      verify,
      known: { ...body, at: Date.parse(body.at) },
      tools: auditTools(),
      file: join(dataDir, 'segment'),
    };
  }

  t.test('the store is verified without the service, and read only', async (t) => {
    const { schema, dataDir, known, tools } = await running(t);
    t.match(await tools.verifyStore(known), { intact: true, from: 1, unchecked: [] });
    t.notOk(existsSync(join(dataDir, 'data')), 'nothing is made in the data folder');
    process.env.KEYTURN_MASTER_KEY = 'a5'.repeat(32);
    t.match(await tools.verifyStore(known), { intact: true, unchecked: [/seals/] }, 'without the master key, in part');
    t.match(await tools.verifyStore({ ...known, sequence: 99 }), { intact: false });
    await owner.query(`UPDATE ${schema}.audit_blocks SET body = set_byte(body, 40, get_byte(body, 40) # 1) WHERE first = 2`);
    t.match(await tools.verifyStore(null), { intact: false, findings: [{ sequence: 2 }] });
  });

  t.test('what was exported is verified and dropped; the replicas write on, and the chain is whole', async (t) => {
    const { dataDir, create, verify, known, tools, file } = await running(t);
    const exported = await tools.exportUntil(LATER, file);
    t.match(exported, { from: 1 });
    t.match(await tools.verifyFile(file, known), { intact: true, to: exported?.to });
    for (const by of [0, 1]) t.equal(await create(`while-${by}`, by), 201);
    t.same(await tools.dropExported(file), exported);
    for (const by of [0, 1]) t.equal(await create(`after-${by}`, by), 201);
    t.match(await tools.verifyStore(null), { intact: true, from: (exported?.to ?? 0) + 1 });
    t.match((await verify()).body, { intact: true, from: (exported?.to ?? 0) + 1 });
    t.match(readFileSync(file, 'utf8'), /"keyring":"b"/, 'the file has what the log has no more');
    await t.rejects(tools.dropExported(file), { code: 'precondition_failed', message: /begins after record 0/ }, 'once');
    const next = await tools.exportUntil(LATER, `${file}-2`);
    t.equal(next?.from, (exported?.to ?? 0) + 1, 'the next export goes on where the first ended');
    t.match((await tools.verifyFile(`${file}-2`, null)).intact, true);
    t.notOk(existsSync(join(dataDir, 'data')), 'nothing is made in the data folder');
  });

  t.test('nothing is dropped for a file that was altered, or that is of another log', async (t) => {
    const first = await running(t);
    await first.tools.exportUntil(LATER, first.file);
    const second = await running(t);
    await t.rejects(second.tools.dropExported(first.file), { code: 'precondition_failed', message: /Nothing was deleted/ });
    await second.tools.exportUntil(LATER, second.file);
    writeFileSync(second.file, readFileSync(second.file, 'utf8').replace('"keyring":"b"', '"keyring":"x"'));
    await t.rejects(second.tools.dropExported(second.file), { code: 'precondition_failed', message: /Nothing was deleted/ });
    t.match(await second.tools.verifyStore(null), { intact: true, from: 1 });
  });
});

function settingsFile(folder: string, schema: string): string {
  const path = join(folder, 'keyturn.yaml');
  writeFileSync(path, `store: { kind: postgres, postgres: { schema: ${schema} } }\n`);
  return path;
}
