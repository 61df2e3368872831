import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import t, { type Test } from 'tap';
import type { BlockSearch } from '../../src/audit/ledger.ts';
import { logWitness } from '../../src/compose/log-witness.ts';
import { sqliteLedgerReader } from '../../src/stores/sqlite/audit/reader.ts';
import { openAuditForReading } from '../../src/stores/sqlite/audit/schema.ts';
import { inlineLedger } from '../../src/stores/sqlite/audit/threads.ts';
import { AT, auditFile, commit, newKeys, texts } from '../audit/fixture.ts';
import { ManualClock } from '../support/clock.ts';
import { noPostgres, startPostgres } from '../support/postgres.ts';
import { freshSchema } from '../support/postgres-store.ts';
import { adminOf, startReplica } from '../support/replicas.ts';
import { START } from '../support/service.ts';
import { temporaryFolder } from '../support/sqlite.ts';

const clock = new ManualClock(START);

/** A log of so many blocks of two records. */
async function logOf(t: Test, blocks: number, keys = newKeys(), from = 1) {
  const path = auditFile(t);
  const ledger = inlineLedger(path, keys, () => () => undefined);
  t.teardown(() => ledger.close());
  for (let block = 0; block < blocks; block++) await commit(ledger, texts(2, from + 2 * block));
  const reader = sqliteLedgerReader(openAuditForReading(path));
  t.teardown(() => reader.close());
  return { keys, ledger, reader, publicKey: keys.publicKey, clock };
}

const SET_BACK = { code: 'invalid_config', message: /older than what this replica has seen.* record 6,/ };

t.test('a log that grew, or whose beginning was dropped, is the one that was seen', async (t) => {
  const dataDir = join(temporaryFolder(t), 'data');
  const log = await logOf(t, 3);
  await logWitness({ ...log, dataDir }).compare();
  await logWitness({ ...log, dataDir }).look();
  t.equal(statSync(join(dataDir, 'log-seen.json')).mode & 0o777, 0o600);
  await logWitness({ ...log, dataDir }).compare();
  await commit(log.ledger, texts(2, 7));
  await logWitness({ ...log, dataDir }).compare();
  await log.ledger.drop(await log.ledger.checkpoint(AT));
  await logWitness({ ...log, dataDir }).compare();
});

t.test('a log that was set back is not: shorter, or grown again to something else', async (t) => {
  const dataDir = temporaryFolder(t);
  const log = await logOf(t, 3);
  await logWitness({ ...log, dataDir }).look();
  const older = await logOf(t, 2, log.keys);
  await t.rejects(logWitness({ ...older, dataDir }).compare(), SET_BACK);
  await commit(older.ledger, texts(2, 50));
  await t.rejects(logWitness({ ...older, dataDir }).compare(), SET_BACK, 'as long as it was');
  const empty = await logOf(t, 0, log.keys);
  await t.rejects(logWitness({ ...empty, dataDir }).compare(), SET_BACK);
});

t.test('a replica that runs while the log is set back says so, and keeps what it saw', async (t) => {
  const dataDir = temporaryFolder(t);
  const log = await logOf(t, 3);
  const older = await logOf(t, 2, log.keys);
  let reader = log.reader;
  const switched = { ...log.reader, blocks: (search: BlockSearch) => reader.blocks(search), head: () => reader.head() };
  const witness = logWitness({ ...log, reader: switched, dataDir });
  await witness.look();
  reader = older.reader;
  await t.rejects(witness.look(), SET_BACK);
  await t.rejects(witness.look(), SET_BACK, 'each time');
  await t.rejects(logWitness({ ...older, dataDir }).compare(), SET_BACK, 'and at the next start');
});

t.test('nor is one that is set back after the start, before the first look', async (t) => {
  const dataDir = temporaryFolder(t);
  const log = await logOf(t, 3);
  await logWitness({ ...log, dataDir }).look();
  const older = await logOf(t, 2, log.keys);
  let reader = log.reader;
  const switched = { ...log.reader, blocks: (search: BlockSearch) => reader.blocks(search), head: () => reader.head() };
  const witness = logWitness({ ...log, reader: switched, dataDir });
  await witness.compare();
  reader = older.reader;
  await t.rejects(witness.look(), SET_BACK);
  await t.rejects(logWitness({ ...older, dataDir }).compare(), SET_BACK, 'the file still says what was seen');
});

t.test('another log, a file that is no witness, a folder that cannot be written: nothing is said', async (t) => {
  const dataDir = temporaryFolder(t);
  const log = await logOf(t, 3);
  await logWitness({ ...log, dataDir }).look();
  await logWitness({ ...(await logOf(t, 1)), dataDir }).compare();
  writeFileSync(join(dataDir, 'log-seen.json'), '{}');
  await logWitness({ ...(await logOf(t, 1, log.keys)), dataDir }).compare();
  const file = join(dataDir, 'file');
  writeFileSync(file, '');
  await logWitness({ ...log, dataDir: join(file, 'below') }).look();
});

t.test('a database that was restored from an old dump keeps its replicas from starting', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  const owner = new pg.Client(server.url());
  await owner.connect();
  t.teardown(() => owner.end());
  const [schema, dataDir] = [freshSchema(), temporaryFolder(t)];
  const start = () => startReplica(t, server, { schema, clock, settings: { dataDir } });
  const { rows } = await (async () => {
    const replica = await start();
    const token = adminOf([replica]);
    const post = (url: string, payload: object) => replica.call({ token, method: 'POST', url, payload });
    t.equal((await post('/v1/keyrings', { name: 'web' })).status, 201);
    const tables = await owner.query<{ name: string }>('SELECT table_name AS name FROM information_schema.tables WHERE table_schema = $1', [
      schema,
    ]);
    await owner.query(`CREATE SCHEMA ${schema}_dump`);
    for (const { name } of tables.rows) await owner.query(`CREATE TABLE ${schema}_dump.${name} AS TABLE ${schema}.${name}`);
    t.equal((await post('/v1/keyrings/web/rotate', { reason: 'leaked', kind: 'emergency' })).status, 200);
    await replica.service.stop();
    return tables;
  })();
  t.ok(existsSync(join(dataDir, 'log-seen.json')));
  for (const { name } of rows) {
    await owner.query(`TRUNCATE ${schema}.${name}`);
    await owner.query(`INSERT INTO ${schema}.${name} OVERRIDING SYSTEM VALUE TABLE ${schema}_dump.${name}`);
  }
  await t.rejects(start(), { code: 'invalid_config', message: /revoked or destroyed since may be back/ });
  await t.rejects(start(), { code: 'invalid_config' }, 'as often as it is tried');
  rmSync(join(dataDir, 'log-seen.json'));
  await (await start()).service.stop();
  t.match(readFileSync(join(dataDir, 'log-seen.json'), 'utf8'), /"sequence":/);
  await (await start()).service.stop();
});
