import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import t, { type Test } from 'tap';
import { inGroups } from '../../src/app/in-groups.ts';
import { verifyLedger } from '../../src/audit/verify.ts';
import { systemClock } from '../../src/clock.ts';
import { changeMasterKey } from '../../src/compose/rekey.ts';
import { Secret } from '../../src/core/secret.ts';
import type { RekeyProgress } from '../../src/ports/at-machine.ts';
import type { Store } from '../../src/ports/store.ts';
import { parseMasterKey } from '../../src/stores/master-key.ts';
import { readAddress } from '../../src/stores/postgres/address.ts';
import { Connections } from '../../src/stores/postgres/connections.ts';
import { materialIn } from '../../src/stores/postgres/material.ts';
import { beginRekey, establishedKey, resealAll } from '../../src/stores/postgres/rekey.ts';
import { keyring, ref } from '../stores/keyrings.ts';
import { ManualClock } from '../support/clock.ts';
import { inEnvironment } from '../support/environment.ts';
import { noPostgres, startPostgres } from '../support/postgres.ts';
import { freshSchema, openTestPostgres } from '../support/postgres-store.ts';
import { adminOf, startReplica } from '../support/replicas.ts';
import { START } from '../support/service.ts';
import { storeClock, storeRandom, temporaryFolder } from '../support/sqlite.ts';

const OLD = new Secret('5a'.repeat(32));
const NEW = new Secret('a5'.repeat(32));
const THIRD = new Secret('c3'.repeat(32));
const ID = { old: parseMasterKey(OLD, '').id, new: parseMasterKey(NEW, '').id };
/** Of a server on a busy machine. */
const PATIENT = 60_000;
/** Two batches. */
const ENTRIES = 603;
const textOf = (index: number) => `material of entry ${index} `.padEnd(64, 'x');
const REFS = Array.from({ length: ENTRIES }, (_, index) => ref(`k${index % 7}`, index + 1));

const rekey = (progress: (done: RekeyProgress) => void = () => undefined) =>
  changeMasterKey({ clock: systemClock, random: storeRandom, progress });

t.test('keyturn rekey on PostgreSQL', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  const owner = new pg.Client(server.url());
  await owner.connect();
  t.teardown(() => owner.end());

  /** A schema of the old key, and the environment that names it with both. */
  function configured(t: Test, { url = server.url(), to = NEW } = {}): string {
    const [folder, schema] = [temporaryFolder(t), freshSchema()];
    const config = join(folder, 'keyturn.yaml');
    writeFileSync(config, `store: { kind: postgres, postgres: { schema: ${schema} } }\n`);
    inEnvironment(t, {
      KEYTURN_CONFIG: config,
      KEYTURN_DATA_DIR: join(folder, 'data'),
      KEYTURN_POSTGRES_URL: url,
      KEYTURN_MASTER_KEY: OLD.reveal(),
      KEYTURN_NEW_MASTER_KEY: to.reveal(),
    });
    return schema;
  }

  /** With entries of which one is destroyed, and nobody connected. */
  async function filled(t: Test): Promise<string> {
    const schema = configured(t);
    const postgres = await openTestPostgres(t, server, { schema, timeout: PATIENT });
    const entries = REFS.map((entry, index) => ({ ref: entry, material: new Secret(textOf(index)) }));
    await postgres.store.publish(keyring('k0'), null, entries);
    await postgres.store.destroyMaterial(REFS[0] ?? ref('none'));
    await postgres.close();
    return schema;
  }

  /** Connections of a command that is slow after it has looked for services. */
  class Looking extends Connections {
    readonly #looked: () => Promise<void>;

    constructor(looked: () => Promise<void>) {
      super(pg, readAddress(new Secret(server.url()), null), { poolSize: 2, timeout: PATIENT });
      this.#looked = looked;
    }

    override async query(...asked: Parameters<Connections['query']>): ReturnType<Connections['query']> {
      const rows = await super.query(...asked);
      if (asked[0].includes('pg_stat_activity')) await this.#looked();
      return rows;
    }
  }

  async function allReadable(store: Store): Promise<boolean> {
    const texts = await inGroups({ atOnce: 8 }, REFS, async (entry) => (await store.getMaterial(entry))?.reveal());
    return texts.every((text, index) => text === (index === 0 ? undefined : textOf(index)));
  }

  const sealedUnder = async (schema: string, id: string): Promise<number> => {
    const sql = `SELECT count(*)::int FROM ${schema}.material WHERE substring(sealed FROM 2 FOR 8) = decode($1, 'hex')`;
    return (await owner.query<{ count: number }>(sql, [id])).rows[0]?.count ?? -1;
  };

  t.test('every entry opens under the new key, none under the old, and the audit log goes on', async (t) => {
    const schema = await filled(t);
    const told: number[] = [];
    t.same(await rekey(({ resealed }) => told.push(resealed)), {
      resealed: ENTRIES - 1,
      unreadable: 0,
      masterKeyId: ID.new,
      inDataFolder: false,
    });
    t.same(told, [500, ENTRIES - 1]);
    t.same([await sealedUnder(schema, ID.old), await sealedUnder(schema, ID.new)], [0, ENTRIES - 1]);
    await t.rejects(openTestPostgres(t, server, { schema }), { code: 'wrong_master_key', message: new RegExp(ID.new) });
    const { store, fingerprints, auditKeys, log } = await openTestPostgres(t, server, { schema, masterKey: NEW, timeout: PATIENT });
    t.ok(await allReadable(store));
    t.same(await fingerprints.find(new Secret(textOf(0))), [REFS[0]], 'a key that was destroyed is still recognised');
    t.match(await verifyLedger(log.reader, { ...auditKeys, known: null }), { intact: true, records: 2 });
    t.match(await rekey(), { resealed: 0, masterKeyId: ID.new }, 'again: it is done');
  });

  t.test('refused while a service runs, which notices nothing; done when it has stopped', async (t) => {
    const schema = configured(t);
    const clock = new ManualClock(START);
    const first = await startReplica(t, server, { schema, clock });
    const token = adminOf([first]);
    const create = (name: string) => first.call({ token, method: 'POST', url: '/v1/keyrings', payload: { name } });
    t.equal((await create('before')).status, 201);
    await t.rejects(rekey(), { code: 'store_locked', message: /Stop all replicas/ });
    t.equal((await create('after')).status, 201, 'it may still seal');
    t.equal((await first.call({ token, url: '/v1/keyrings/before/keys' })).status, 200);
    const second = await startReplica(t, server, { schema, clock });
    await first.service.stop();
    await t.rejects(rekey(), { code: 'store_locked' }, 'one of two');
    await second.service.stop();
    t.match(await rekey(), { resealed: 2, masterKeyId: ID.new });
  });

  for (const stop of [1, 2]) {
    t.test(`interrupted after batch ${stop} no service starts; run again it goes on`, async (t) => {
      const schema = await filled(t);
      let batches = 0;
      const killed = rekey(() => {
        if (++batches === stop) throw new Error('killed');
      });
      await t.rejects(killed, { message: 'killed' });
      const done = Math.min(500 * stop, ENTRIES - 1);
      t.same([await sealedUnder(schema, ID.old), await sealedUnder(schema, ID.new)], [ENTRIES - 1 - done, done]);
      for (const masterKey of [OLD, NEW])
        await t.rejects(openTestPostgres(t, server, { schema, masterKey }), { code: 'wrong_master_key', message: /keyturn rekey/ });
      process.env.KEYTURN_NEW_MASTER_KEY = THIRD.reveal();
      await t.rejects(rekey(), { code: 'conflict', message: new RegExp(ID.new) }, 'not with a third key');
      process.env.KEYTURN_NEW_MASTER_KEY = NEW.reveal();
      t.match(await rekey(), { resealed: ENTRIES - 1 - done });
      const { store, auditKeys, log } = await openTestPostgres(t, server, { schema, masterKey: NEW, timeout: PATIENT });
      t.ok(await allReadable(store));
      t.match(await verifyLedger(log.reader, { ...auditKeys, known: null }), { intact: true, records: 3 });
    });
  }

  t.test('two at the same time: it is done once', async (t) => {
    const schema = await filled(t);
    const outcomes = await Promise.all([rekey(), rekey()]);
    t.equal(outcomes[0].resealed + outcomes[1].resealed, ENTRIES - 1);
    const { store } = await openTestPostgres(t, server, { schema, masterKey: NEW, timeout: PATIENT });
    t.ok(await allReadable(store));
  });

  for (const dies of [false, true]) {
    t.test(`one that looked before another had ended${dies ? ', and dies,' : ''} keeps no service from starting`, async (t) => {
      const schema = await filled(t);
      const keys = { from: parseMasterKey(OLD, ''), to: parseMasterKey(NEW, '') };
      const connections = new Connections(pg, readAddress(new Secret(server.url()), null), { poolSize: 2, timeout: PATIENT });
      t.teardown(() => connections.close());
      const late = { connections, schema, ...keys, random: storeRandom, progress: () => undefined };
      t.equal(await establishedKey(late), ID.old);
      await rekey();
      await beginRekey(late);
      if (!dies) t.match(await resealAll(late), { resealed: 0, unreadable: 0 });
      const { store } = await openTestPostgres(t, server, { schema, masterKey: NEW, timeout: PATIENT });
      t.ok(await allReadable(store));
    });
  }

  for (const how of ['ends', 'has begun']) {
    t.test(`one that meets a service, while another ${how} as the service stops, does not undo that`, async (t) => {
      const schema = await filled(t);
      const keys = { from: parseMasterKey(OLD, ''), to: parseMasterKey(NEW, '') };
      const service = await openTestPostgres(t, server, { schema, timeout: PATIENT });
      const looked = async (): Promise<void> => {
        await service.close();
        await rekey(({ resealed }) => {
          if (how === 'has begun' && resealed > 0) throw new Error('killed');
        }).catch(() => undefined);
      };
      const connections = new Looking(looked);
      t.teardown(() => connections.close());
      await t.rejects(beginRekey({ connections, schema, ...keys, random: storeRandom, progress: () => undefined }), {
        code: 'store_locked',
      });
      await t.rejects(
        openTestPostgres(t, server, { schema, masterKey: OLD }),
        { code: 'wrong_master_key' },
        'some entries have the new key',
      );
      await rekey();
      const { store } = await openTestPostgres(t, server, { schema, masterKey: NEW, timeout: PATIENT });
      t.ok(await allReadable(store));
      await store.putMaterial(ref('new'), new Secret(textOf(2)));
    });
  }

  t.test('one whose beginning another took back, because it met a service, does not end', async (t) => {
    const schema = configured(t);
    const request = { schema, from: parseMasterKey(OLD, ''), to: parseMasterKey(NEW, ''), random: storeRandom, progress: () => undefined };
    const service = await openTestPostgres(t, server, { schema, timeout: PATIENT });
    const second = { ...request, connections: new Looking(async () => undefined) };
    const first = new Looking(async () => {
      await service.close();
      await beginRekey(second);
    });
    t.teardown(() => Promise.all([first.close(), second.connections.close()]));
    await t.rejects(beginRekey({ ...request, connections: first }), { code: 'store_locked' });
    await t.rejects(resealAll(second), { code: 'conflict', message: /Stop all replicas/ });
    const { store } = await openTestPostgres(t, server, { schema, timeout: PATIENT });
    await store.putMaterial(ref('new'), new Secret(textOf(2)));
  });

  t.test('one that looked before another had changed to a third key changes nothing', async (t) => {
    const schema = await filled(t);
    const connections = new Connections(pg, readAddress(new Secret(server.url()), null), { poolSize: 2, timeout: PATIENT });
    t.teardown(() => connections.close());
    const keys = { from: parseMasterKey(OLD, ''), to: parseMasterKey(THIRD, '') };
    await rekey();
    const late = { connections, schema, ...keys, random: storeRandom, progress: () => undefined };
    await t.rejects(beginRekey(late), { code: 'wrong_master_key', message: new RegExp(ID.new) });
    const { store } = await openTestPostgres(t, server, { schema, masterKey: NEW, timeout: PATIENT });
    t.ok(await allReadable(store));
    await store.putMaterial(ref('new'), new Secret(textOf(2)));
  });

  t.test('a replica that was not seen cannot seal under the old key, and can destroy', async (t) => {
    const schema = await filled(t);
    const connections = new Connections(pg, readAddress(new Secret(server.url()), null), { poolSize: 2, timeout: PATIENT });
    t.teardown(() => connections.close());
    const keeper = { masterKey: parseMasterKey(OLD, ''), fingerprintKey: new Secret('f'), clock: storeClock, random: storeRandom };
    const unseen = materialIn(connections, schema, keeper);
    await rekey();
    await t.rejects(unseen.putMaterial(ref('late'), new Secret(textOf(1))), { code: 'store_read_only', message: /another master key/ });
    await unseen.destroyMaterial(REFS[5] ?? ref('none'));
    const { store } = await openTestPostgres(t, server, { schema, masterKey: NEW, timeout: PATIENT });
    t.equal(await store.getMaterial(REFS[5] ?? ref('none')), undefined);
    await store.putMaterial(ref('new'), new Secret(textOf(2)));
    t.same([await sealedUnder(schema, ID.old), await sealedUnder(schema, ID.new)], [0, ENTRIES - 1]);
  });

  t.test('what was damaged before stays as it is, and is counted', async (t) => {
    const schema = await filled(t);
    await owner.query(`UPDATE ${schema}.material SET sealed = sealed || '\\x00' WHERE version = 9`);
    t.match(await rekey(), { resealed: ENTRIES - 2, unreadable: 1, masterKeyId: ID.new });
  });

  t.test('the wrong old key, no new key, no data: nothing is changed', async (t) => {
    const schema = await filled(t);
    process.env.KEYTURN_MASTER_KEY = THIRD.reveal();
    await t.rejects(rekey(), { code: 'wrong_master_key', message: new RegExp(ID.old) });
    process.env.KEYTURN_MASTER_KEY = OLD.reveal();
    inEnvironment(t, { KEYTURN_NEW_MASTER_KEY: null });
    await t.rejects(rekey(), { code: 'invalid_config', message: /KEYTURN_NEW_MASTER_KEY_FILE/ });
    t.ok(await allReadable((await openTestPostgres(t, server, { schema })).store));
    configured(t);
    await t.rejects(rekey(), { code: 'invalid_config', message: /Start the service first/ });
  });

  t.test('who does not own the tables is refused, and nothing is changed', async (t) => {
    const schema = await filled(t);
    await owner.query(`
      CREATE ROLE narrow LOGIN PASSWORD 'narrow';
      GRANT USAGE ON SCHEMA ${schema} TO narrow;
      GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA ${schema} TO narrow;
      GRANT DELETE ON ${schema}.leases TO narrow`);
    process.env.KEYTURN_POSTGRES_URL = server.url().replace(/\/\/[^@]+@/, '//narrow:narrow@');
    await t.rejects(rekey(), { code: 'store_read_only' });
    t.ok(await allReadable((await openTestPostgres(t, server, { schema })).store));
  });
});
