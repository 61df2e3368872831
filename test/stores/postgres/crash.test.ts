import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import t from 'tap';
import { systemTimers } from '../../../src/clock.ts';
import { openService, type Service } from '../../../src/compose/service.ts';
import { DAY, MINUTE } from '../../../src/core/time.ts';
import { createLogger } from '../../../src/logger.ts';
import { settingsOf } from '../../crash/support.ts';
import { noPostgres, startPostgres } from '../../support/postgres.ts';
import { freshSchema, openTestPostgres } from '../../support/postgres-store.ts';
import { storeRandom, temporaryFolder } from '../../support/sqlite.ts';
import { named } from '../keyrings.ts';
import type { Rotation } from './rotator.ts';

const LATER = 33 * DAY;
const POLICY = { schedule: { cron: '0 3 1 * *', timeZone: 'UTC' } };

interface Told {
  readonly action: string;
  readonly reason: string | null;
}

/** The first statement is the rotation itself, key and document; the next five, a transaction, are the record of it. */
const MOMENTS = [
  [1, 'before'],
  [1, 'during'],
  [1, 'after'],
  [3, 'during'],
  [6, 'before'],
  [6, 'during'],
] as const;

t.test('kill -9 of a replica at each statement of a rotation: the others fill the slot, once', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  const schema = freshSchema();
  const place = () => ({ dataDir: temporaryFolder(t), postgres: { url: server.url(), schema } });
  const replica = async (offset: number): Promise<Service> => {
    const clock = { now: () => Date.now() + offset, uptime: () => Math.floor(performance.now()) };
    const service = await openService(settingsOf(place()), {
      clock,
      timers: systemTimers,
      random: storeRandom,
      logger: createLogger('silent'),
    });
    t.teardown(() => service.stop());
    return service;
  };
  const founder = await replica(0);
  const survivors = await Promise.all([replica(LATER), replica(LATER)]);
  const headers = { authorization: `Bearer ${founder.firstToken?.text.reveal()}` };
  const { store } = await openTestPostgres(t, server, { schema });
  let rounds = 0;

  async function round(nth: number, when: Rotation['when']) {
    const name = `k${++rounds}`;
    const created = await founder.app.inject({ method: 'POST', url: '/v1/keyrings', headers, payload: { name, policy: POLICY } });
    t.equal(created.statusCode, 201);
    const rotation: Rotation = { ...place().postgres, dataDir: temporaryFolder(t), offset: LATER, nth, when };
    const child = spawn(process.execPath, [join(import.meta.dirname, 'rotator.ts')], {
      env: { PATH: process.env.PATH ?? '', ROTATION: JSON.stringify(rotation) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const [, signal] = await once(child, 'close');
    await Promise.all(survivors.map((survivor) => survivor.sweep()));
    const stored = await store.load(named(name));
    const versions = stored?.keyring.versions ?? [];
    const moment = nth === 0 ? 'nobody died' : `killed ${when} statement ${nth}`;
    t.same([versions.length, versions.filter(({ slot }) => slot !== null).length], [2, 1], `${moment}: one new version, for one slot`);
    const held = (await store.pageMaterial(null, 500)).items.filter(({ ref }) => ref.keyring === name);
    t.same(new Set(held.map(({ ref }) => ref.nonce)), new Set(versions.map(({ nonce }) => nonce)), 'its keys and no others');
    return { signal, statements: Number(said) };
  }

  const { statements } = await round(0, 'after');
  t.ok(statements > 6, `${statements} statements`);
  for (const [nth, when] of MOMENTS) t.equal((await round(nth, when)).signal, 'SIGKILL');

  // a minute is left to those whose records may be on their way
  const survivor = await replica(LATER + 2 * MINUTE);
  await survivor.start();
  const verdict = await survivor.app.inject({ method: 'POST', url: '/v1/audit/verify', headers, payload: {} });
  t.match(verdict.json(), { intact: true, from: 1 });
  for (let each = 1; each <= rounds; each++) {
    const log = await survivor.app.inject({ url: `/v1/audit?keyring=k${each}`, headers });
    const told = log.json().items.filter(({ action, reason }: Told) => action === 'version.publish' || reason === 'recovered');
    t.ok(told.length === 1, `the log knows of the rotation of k${each}, once`);
  }
});
