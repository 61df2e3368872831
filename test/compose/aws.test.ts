import t, { type Test } from 'tap';
import { systemClock, systemTimers } from '../../src/clock.ts';
import { openService } from '../../src/compose/service.ts';
import { createLogger } from '../../src/logger.ts';
import { giveCredentials } from '../support/aws.ts';
import { AwsDouble } from '../support/aws-double/server.ts';
import { testSettings } from '../support/service.ts';
import { storeRandom, temporaryFolder } from '../support/sqlite.ts';

/** A whole service on the double, with everything it logs. */
async function serviceOn(t: Test, double: AwsDouble) {
  const lines: string[] = [];
  const logger = createLogger('debug', { write: (line: string) => void lines.push(line) });
  const store = { kind: 'aws', region: 'eu-central-1', endpoint: double.endpoint, prefix: 'keyturn', kmsKeyId: null, tags: {} } as const;
  const settings = testSettings(temporaryFolder(t), { store });
  const service = await openService(settings, { clock: systemClock, timers: systemTimers, random: storeRandom, logger });
  t.teardown(() => service.stop());
  return { service, log: () => lines.join('') };
}

t.test('two services on AWS: one admin, one set of keys, and a change on one is served by the other', async (t) => {
  const credentials = giveCredentials();
  const double = await AwsDouble.start(t);
  const one = await serviceOn(t, double);
  const token = one.service.firstToken?.text.reveal() ?? '';
  const two = await serviceOn(t, double);
  t.equal(two.service.firstToken, null, 'the second one finds the admin of the first');
  const headers = { authorization: `Bearer ${token}` };
  const created = await one.service.app.inject({ method: 'POST', url: '/v1/keyrings', headers, payload: { name: 'web' } });
  t.equal(created.statusCode, 201);
  const keysOf = async ({ service }: typeof one) => (await service.app.inject({ url: '/v1/keyrings/web/keys', headers })).json();
  const [first, second] = [await keysOf(one), await keysOf(two)];
  t.match(first.current, { version: 1, key: /^[0-9a-f]{64}$/ });
  t.same(second.current, first.current);
  const rotate = { method: 'POST', url: '/v1/keyrings/web/rotate', headers, payload: { reason: 'a test', kind: 'immediate' } } as const;
  t.equal((await one.service.app.inject(rotate)).statusCode, 200);
  await two.service.validate();
  t.equal((await keysOf(two)).current.version, 2);
  for (const { log } of [one, two]) for (const secret of [first.current.key, ...credentials]) t.notOk(log().includes(secret));
});
