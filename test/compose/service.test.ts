import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { openService } from '../../src/compose/service.ts';
import { parseKeyringName } from '../../src/core/name.ts';
import { Secret } from '../../src/core/secret.ts';
import { DAY, MINUTE, SECOND } from '../../src/core/time.ts';
import type { MaterialNonce } from '../../src/core/version.ts';
import { createLogger } from '../../src/logger.ts';
import { ManualClock } from '../support/clock.ts';
import { START, startTestService, type TestService, testSettings } from '../support/service.ts';
import { openTestSqlite, storeRandom, temporaryFolder } from '../support/sqlite.ts';

const lines = ({ log }: TestService, message: string) =>
  log()
    .split('\n')
    .filter((line) => line.includes(`"msg":"${message}"`))
    .map((line) => JSON.parse(line));

const create = ({ call }: TestService, name: string) => call({ method: 'POST', url: '/v1/keyrings', payload: { name, reason: 'a test' } });

t.test('each outcome of a sweep is one line of the log and one count', async (t) => {
  const service = await startTestService(t);
  await create(service, 'web');
  await service.pass(31 * DAY);
  await service.pass(SECOND);
  t.match(lines(service, 'rotation published'), [
    { level: 'info', keyring: 'web', version: 2, missedSlots: 0, slot: '2026-04-01T03:00:00.000Z', activatesAt: /^2026-04-02T12:00:30/ },
  ]);
  service.store.faults.failNext('destroyMaterial');
  await service.pass(60 * DAY);
  t.match(lines(service, 'keyring failed in sweep'), [{ level: 'error', keyring: 'web', code: 'store_unavailable', attempts: 1 }]);
  await service.pass(2 * SECOND);
  t.match(lines(service, 'material destroyed'), [{ keyring: 'web', versions: [1] }]);
  const { text } = await service.call({ url: '/metrics' });
  t.match(text, 'keyturn_sweep_outcomes_total{outcome="failed",code="store_unavailable"} 1');
  t.match(text, 'keyturn_sweep_outcomes_total{outcome="destroyed",code=""} 1');
  t.notMatch(text, 'web', 'no names of keyrings');
});

t.test('a sweep that cannot ask what is due is one line, and the next one goes on', async (t) => {
  const service = await startTestService(t);
  service.store.faults.failNext('due');
  await service.service.sweep();
  await service.service.sweep();
  t.match(lines(service, 'sweep failed'), [{ level: 'error', code: 'store_unavailable' }]);
  t.match(service.service.readiness(), { checks: { scheduler: { status: 'ok' } } });
});

t.test('an outage is a line a minute in the log, not one for each attempt', async (t) => {
  const service = await startTestService(t);
  await service.service.start();
  service.store.faults.down = true;
  for (let second = 0; second < 70; second++) {
    await service.clock.advance(SECOND);
    await service.service.sweep();
  }
  t.equal(lines(service, 'housekeeping failed').filter(({ task }) => task === 'validate').length, 2);
  t.equal(lines(service, 'sweep failed').length, 2);
});

t.test('it tidies up: copies are proved each second, orphans destroyed, and a failure is told', async (t) => {
  const service = await startTestService(t);
  const left = { keyring: parseKeyringName('web'), version: 2, nonce: 'feedfeedfeedfeed' as MaterialNonce };
  await service.store.putMaterial(left, new Secret('a'.repeat(64)));
  await service.clock.advance(1);
  await service.service.start();
  await nextTurn();
  t.match(lines(service, 'orphaned material destroyed'), [{ destroyed: 1 }]);
  t.equal(await service.store.getMaterial(left), undefined);
  await service.clock.advance(10 * SECOND);
  t.equal(service.service.readiness().checks.store.silentSeconds, 0);
  service.store.faults.down = true;
  await service.clock.advance(2 * SECOND);
  t.match(lines(service, 'housekeeping failed').at(-1), { level: 'warn', task: 'validate', code: 'store_unavailable' });
  service.store.faults.down = false;
  await service.clock.advance(MINUTE);
  t.equal(service.service.readiness().checks.store.silentSeconds, 0);
  await service.service.stop();
  t.equal(service.clock.pending, 0, 'and nothing goes on after the stop');
});

t.test('a stop gives the data folder free, even if the store fails meanwhile', async (t) => {
  const service = await startTestService(t);
  await service.service.start();
  service.store.faults.down = true;
  await service.service.stop();
  openTestSqlite(t, { dataDir: service.settings.dataDir }).close();
});

t.test('a start that fails after the store was opened gives the data folder free', async (t) => {
  const settings = testSettings(temporaryFolder(t), { tls: { certFile: '/nowhere/cert.pem', keyFile: '/nowhere/key.pem' } });
  const clock = new ManualClock(START);
  const logger = createLogger('silent');
  await t.rejects(openService(settings, { clock, timers: clock, random: storeRandom, logger }), { code: 'invalid_config' });
  openTestSqlite(t, { dataDir: settings.dataDir }).close();
});
