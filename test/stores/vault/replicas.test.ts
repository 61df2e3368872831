import type { InjectOptions } from 'fastify';
import t, { type Test } from 'tap';
import { systemTimers } from '../../../src/clock.ts';
import { openService, type Service } from '../../../src/compose/service.ts';
import type { VaultSettings } from '../../../src/config/settings.ts';
import { HOUR } from '../../../src/core/time.ts';
import { createLogger } from '../../../src/logger.ts';
import { ManualClock } from '../../support/clock.ts';
import { START, testSettings } from '../../support/service.ts';
import { storeRandom, temporaryFolder } from '../../support/sqlite.ts';
import { freshPrefix, testVault } from '../../support/vault.ts';

/** Whole services on one Vault, with a clock that the test moves; what they do every second they do when the test asks. */
async function replicas(t: Test, count: number) {
  const clock = new ManualClock(START);
  const store: VaultSettings & { kind: 'vault' } = {
    kind: 'vault',
    prefix: freshPrefix(),
    namespace: null,
    caFile: null,
    ...(await testVault(t)),
  };
  const lines: string[] = [];
  const logger = createLogger('debug', { write: (line: string) => void lines.push(line) });
  const open = async () => {
    const settings = testSettings(temporaryFolder(t), { store });
    const service = await openService(settings, { clock, timers: systemTimers, random: storeRandom, logger });
    t.teardown(() => service.stop());
    return service;
  };
  const services = await Promise.all(Array.from({ length: count }, open));
  const admins = services.flatMap(({ firstToken }) => (firstToken === null ? [] : [firstToken.text.reveal()]));
  t.equal(admins.length, 1, 'they made one admin token together');
  await Promise.all(services.map((service) => service.validate()));
  const call = async (
    service: Service | undefined,
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    payload?: object,
    token = admins[0],
  ) => {
    const options: InjectOptions = { method, url, headers: { authorization: `Bearer ${token}` }, ...(payload ? { payload } : {}) };
    const answer = await service?.app.inject(options);
    return { status: answer?.statusCode, body: answer?.json() };
  };
  return { clock, services, call, store, log: () => lines.join('') };
}

t.test('replicas on one Vault: one admin token, each slot once, and what one does the other knows', async (t) => {
  const { clock, services, call, store, log } = await replicas(t, 2);
  const [one, other] = services;
  const policy = { schedule: { cron: '0 * * * *', timeZone: 'UTC' }, leaseSeconds: 120, refreshSeconds: 30, tokenLifetimeSeconds: 600 };
  t.equal((await call(one, 'POST', '/v1/keyrings', { name: 'web', policy })).status, 201);
  const keys = () => call(other, 'GET', '/v1/keyrings/web/keys');
  t.equal((await keys()).body.current.version, 1);

  for (let slot = 0; slot < 3; slot++) {
    await clock.advance(HOUR);
    await Promise.all(services.map((service) => service.validate()));
    await Promise.all(services.map((service) => service.sweep()));
  }
  const { body: history } = await call(one, 'GET', '/v1/keyrings/web/history');
  const slots = history.items.map((item: { slot: string | null }) => item.slot).filter(Boolean);
  t.same([slots.length, new Set(slots).size], [3, 3]);

  await call(one, 'POST', '/v1/keyrings/web/rotate', { reason: 'a test', kind: 'emergency' });
  await other?.validate();
  const served = (await keys()).body;
  t.same([served.current.version, served.previous], [5, []]);

  const { body: issued } = await call(one, 'POST', '/v1/tokens', { name: 'app', roles: ['app'], keyrings: ['web'] });
  const asApp = () => call(other, 'GET', '/v1/keyrings/web/keys', undefined, issued.token);
  t.equal((await asApp()).status, 200, 'known at once');
  t.equal((await call(one, 'DELETE', `/v1/tokens/${issued.id}`, { reason: 'a test' })).status, 200);
  await other?.validate();
  t.equal((await asApp()).status, 401, 'and its revocation with the next validation');

  const { body: judged } = await call(one, 'POST', '/v1/strength', { key: 'c0ffee00'.repeat(4) + '0123456789abcdef'.repeat(2) });
  t.ok(JSON.stringify(judged).includes('reuse'), 'what this store cannot check is said');
  for (const secret of [store.auth && 'token' in store.auth ? store.auth.token.reveal() : '', served.current.key]) {
    t.notOk(log().includes(secret));
  }
});
