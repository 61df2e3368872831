import t from 'tap';
import { startTestService } from '../../support/service.ts';

t.test('judges keys and keeps none', async (t) => {
  const { call, log } = await startTestService(t);
  const judge = (key: unknown) => call({ method: 'POST', url: '/v1/strength', payload: { key } });
  t.match(await judge('3f9c1b7a'.repeat(8)), { status: 200, body: { acceptable: false, bytes: 32, faults: ['it repeats itself'] } });
  t.match((await judge('')).body, { acceptable: false, bytes: 0, faults: ['it is empty'] });
  const good = 'Zq3Tb7Wn1Xs5Vd9Rf2Kg6Hj4Lm8Pc0Ya_in-use-today';
  t.match((await judge(good)).body, { acceptable: true, faults: [], note: /no proof/ });
  t.equal((await judge('x'.repeat(4_096))).body.acceptable, false);
  for (const not of ['x'.repeat(4_097), null, 1, [], { key: 'x' }])
    t.match(await judge(not), { status: 400, body: { code: 'invalid_request' } });
  t.notOk(log().includes(good));
});
