import { rmSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { spoolKeys, spoolName } from '../../src/audit/spool.ts';
import { systemClock, systemTimers } from '../../src/clock.ts';
import { migrateBetween } from '../../src/compose/migrate.ts';
import { openService, type Service } from '../../src/compose/service.ts';
import type { Settings, StoreSettings } from '../../src/config/settings.ts';
import { Secret } from '../../src/core/secret.ts';
import { createLogger } from '../../src/logger.ts';
import { Spools, spoolFolder } from '../../src/stores/sqlite/audit/spools.ts';
import { newKeys, texts } from '../audit/fixture.ts';
import { freshPrefix as freshAwsPrefix, giveCredentials } from '../support/aws.ts';
import { AwsDouble } from '../support/aws-double/server.ts';
import { noPostgres, startPostgres } from '../support/postgres.ts';
import { freshSchema, MASTER_KEY } from '../support/postgres-store.ts';
import { testSettings } from '../support/service.ts';
import { storeRandom, temporaryFolder } from '../support/sqlite.ts';
import { freshPrefix, testVault } from '../support/vault.ts';

const surroundings = { clock: systemClock, timers: systemTimers, random: storeRandom, logger: createLogger('silent') };

/** Sweeps by itself at no time of a test. */
const QUIET = { sweep: { cron: '0 0 1 1 *' } };

function settingsOf(t: Test, store: StoreSettings = { kind: 'sqlite' }): Settings {
  const masterKey = store.kind === 'postgres' ? MASTER_KEY : null;
  return testSettings(join(temporaryFolder(t), 'data'), { ...QUIET, store, masterKey });
}

const quiet = () => undefined;

/** A service that is stopped after the test, and its answers. */
async function serve(t: Test, settings: Settings) {
  const service = await openService(settings, surroundings);
  t.teardown(() => service.stop());
  return service;
}

async function ask({ app }: Service, token: string, url: string, payload?: object) {
  const answer = await app.inject({
    method: payload ? 'POST' : 'GET',
    url,
    headers: { authorization: `Bearer ${token}` },
    ...(payload && { payload }),
  });
  return { status: answer.statusCode, etag: answer.headers.etag, body: answer.json() };
}

/** An embedded store with a keyring of two versions, its service stopped; and what it served. */
async function seeded(t: Test) {
  const settings = settingsOf(t);
  const service = await serve(t, settings);
  const token = service.firstToken?.text.reveal() ?? '';
  await ask(service, token, '/v1/keyrings', { name: 'web' });
  t.equal((await ask(service, token, '/v1/keyrings/web/rotate', { reason: 'a test', kind: 'scheduled' })).status, 200);
  const { body, etag } = await ask(service, token, '/v1/keyrings/web/keys');
  await service.stop();
  return { settings, token, etag, keys: { current: body.current, next: body.next, previous: body.previous } };
}

const ROTATE = { reason: 'a test', kind: 'immediate' };

t.test(
  'from sqlite to PostgreSQL, and on to another folder while replicas serve: none of them can change anything',
  { skip: noPostgres },
  async (t) => {
    const { settings, token, etag, keys } = await seeded(t);
    const server = await startPostgres(t);
    const shared = settingsOf(t, { kind: 'postgres', url: new Secret(server.url()), schema: freshSchema(), poolSize: 4, caFile: null });
    t.match(await migrateBetween(settings, shared, surroundings, quiet), { moved: { keyrings: 1, keys: 2, tokens: 1 } });
    t.match(await migrateBetween(settings, shared, surroundings, quiet), { moved: null }, 'again: nothing is left to do');
    await t.rejects(openService(settings, surroundings), { code: 'invalid_config', message: /was moved to the PostgreSQL schema/ });

    const replica = await serve(t, shared);
    const served = await ask(replica, token, '/v1/keyrings/web/keys');
    t.match(served.body, keys);
    t.equal(served.etag, etag, 'who has these keys is answered 304: it moved and did not change');
    const log = await ask(replica, token, '/v1/audit?order=oldest');
    t.match(log.body.items[0], { action: 'store.migrate', keyring: 'web', versions: [1, 2] });
    t.notOk(log.body.items.some(({ reason }: { reason: string | null }) => reason === 'recovered'));

    const last = settingsOf(t);
    let during: Promise<{ status: number; body: unknown }[]> = Promise.resolve([]);
    await migrateBetween(shared, last, surroundings, () => {
      during = Promise.all([
        ask(replica, token, '/v1/keyrings/web/rotate', ROTATE),
        ask(replica, token, '/v1/tokens', { name: 'late', roles: ['app'] }),
        ask(replica, token, '/v1/keyrings/web/keys'),
      ]);
    });
    const [rotated, issued, read] = await during;
    t.match(rotated, { status: 503 });
    t.match(issued, { status: 503 });
    t.match(read, { status: 200, body: keys }, 'readers notice nothing');
    t.match(await ask(replica, token, '/v1/keyrings/web/keys'), { status: 200, body: keys });
    await t.rejects(replica.validate(), { code: 'store_unavailable' }, 'its copies are proven no longer: leases run out');
    t.equal((await ask(replica, token, '/v1/keyrings/web/rotate', ROTATE)).status, 503);
    await replica.stop();
    await t.rejects(openService(shared, surroundings), { code: 'invalid_config', message: /was moved to the data folder/ });
    t.match(await migrateBetween(shared, last, surroundings, quiet), { moved: null });

    const fresh = await serve(t, last);
    t.match((await ask(fresh, token, '/v1/keyrings/web/keys')).body, keys);
    t.equal((await ask(fresh, token, '/v1/keyrings/web/rotate', ROTATE)).status, 200, 'and it can be changed there');
  },
);

t.test('from sqlite to AWS, to Vault, and back into a folder', async (t) => {
  const { settings, token, keys } = await seeded(t);
  giveCredentials();
  const double = await AwsDouble.start(t);
  const aws = settingsOf(t, {
    kind: 'aws',
    region: 'eu-central-1',
    endpoint: double.endpoint,
    prefix: freshAwsPrefix(),
    kmsKeyId: null,
    tags: {},
  });
  const vault = settingsOf(t, { kind: 'vault', ...(await testVault(t)), prefix: freshPrefix(), namespace: null, caFile: null });
  const route = [settings, aws, vault, settingsOf(t)];
  for (const [index, to] of route.entries()) {
    const from = route[index - 1];
    if (from === undefined) continue;
    t.match(await migrateBetween(from, to, surroundings, quiet), { moved: { keyrings: 1, keys: 2, tokens: 1 } }, to.store.kind);
    await t.rejects(openService(from, surroundings), { code: 'invalid_config', message: /was moved to/ });
    const service = await serve(t, to);
    t.match((await ask(service, token, '/v1/keyrings/web/keys')).body, keys);
    await service.stop();
  }
});

t.test('a folder that keeps another log is refused', async (t) => {
  const { settings } = await seeded(t);
  const double = await AwsDouble.start(t);
  const store = {
    kind: 'aws',
    region: 'eu-central-1',
    endpoint: double.endpoint,
    prefix: freshAwsPrefix(),
    kmsKeyId: null,
    tags: {},
  } as const;
  const same = { ...settings, store };
  await t.rejects(migrateBetween(settings, same, surroundings, quiet), { code: 'invalid_config', message: /Both configurations/ });
  const { settings: used } = await seeded(t);
  const other = { ...used, store };
  await t.rejects(migrateBetween(settings, other, surroundings, quiet), { code: 'invalid_config', message: /audit log of another store/ });
  const service = await serve(t, settings);
  t.ok(service.app, 'nothing was marked');
});

t.test('what an outage left in a spool has to be in the log of the old store first; an empty spool does not matter', async (t) => {
  const { settings } = await seeded(t);
  const { dataDir } = settings;
  const spool = async (records: number): Promise<void> => {
    const newName = () => spoolName(systemClock.now(), 'web', storeRandom);
    const spools = new Spools({ dataDir, mostBytes: 1e6, newName, keysOf: (name) => spoolKeys(newKeys(), name, storeRandom) });
    t.teardown(() => spools.close());
    await new Promise((done) => spools.commit({ texts: texts(records), at: systemClock.now() }, done));
  };
  const to = settingsOf(t);
  await spool(0);
  await spool(3);
  const refusal = { code: 'invalid_config', message: /data\/spool\/.* holds audit records .* keyturn_audit_spooled is 0/ };
  await t.rejects(migrateBetween(settings, to, surroundings, quiet), refusal);
  const service = await serve(t, settings);
  t.ok(service.app, 'nothing was marked');
  await service.stop();
  rmSync(spoolFolder(dataDir), { recursive: true });
  await spool(0);
  t.match(await migrateBetween(settings, to, surroundings, quiet), { moved: { keyrings: 1 } });
});
