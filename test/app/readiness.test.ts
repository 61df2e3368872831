import t from 'tap';
import { readinessOf } from '../../src/app/readiness.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { HOUR, MINUTE, type Millis, SECOND } from '../../src/core/time.ts';
import { make, type Replica, replica } from './fixture.ts';

function look(ours: Replica, lastSweep: Millis | null, sweepPause: Millis = SECOND) {
  const audit = () => ({ healthy: true, serves: true, spool: 'none', spooled: 0 }) as const;
  const deps = { ...ours, sweepPause, storeKind: ours.store.kind, lastSweep: () => lastSweep, audit };
  return readinessOf(deps);
}

t.test('before the store has answered it is not ready; before the first sweep degraded; then ready', async (t) => {
  const ours = replica(t);
  t.match(look(ours, null), { status: 'not ready', checks: { store: { status: 'failing', kind: 'sqlite', silentSeconds: null } } });
  await ours.copies.validate();
  t.match(look(ours, null), { status: 'degraded', checks: { scheduler: { status: 'failing', lastSweepSecondsAgo: null } } });
  t.match(look(ours, ours.clock.uptime()), { status: 'ready', overdue: [], checks: { clock: { status: 'ok' } } });
});

t.test('a store that is silent for more than 15 s makes it not ready, and one answer ready again', async (t) => {
  const ours = replica(t);
  await ours.copies.validate();
  await ours.clock.advance(15 * SECOND);
  t.match(look(ours, ours.clock.uptime()), { status: 'ready', checks: { store: { status: 'ok', silentSeconds: 15 } } });
  await ours.clock.advance(1);
  t.match(look(ours, ours.clock.uptime()), { status: 'not ready', checks: { store: { status: 'failing', silentSeconds: 15 } } });
  await ours.copies.validate();
  t.equal(look(ours, ours.clock.uptime()).status, 'ready');
});

t.test('a sweep that is late makes it degraded: late is measured by its own schedule', async (t) => {
  const ours = replica(t);
  await ours.clock.advance(16 * SECOND);
  await ours.copies.validate();
  t.equal(look(ours, 0).status, 'ready');
  await ours.clock.advance(1);
  t.match(look(ours, 0), { status: 'degraded', checks: { scheduler: { status: 'failing', lastSweepSecondsAgo: 16 } } });
  t.equal(look(ours, 0, MINUTE).status, 'ready', 'a service that sweeps once a minute');
});

t.test('a keyring is overdue when its turn came a minute ago and an attempt has failed', async (t) => {
  const ours = replica(t);
  await make(ours);
  await ours.clock.advance(12 * HOUR);
  ours.store.faults.failNext('putMaterial');
  await ours.sweep.run();
  const looked = async () => {
    await ours.copies.validate();
    return look(ours, ours.clock.uptime());
  };
  t.match(await looked(), { status: 'ready', overdue: [] });
  await ours.clock.advance(MINUTE);
  const { overdue, status } = await looked();
  t.same({ overdue, status }, { overdue: ['web'], status: 'degraded' });
  await ours.sweep.run();
  t.same((await looked()).overdue, []);
});

t.test('a clock that is behind is a check of its own', async (t) => {
  const ours = replica(t);
  await make(ours);
  await ours.copies.validate();
  await ours.clock.advance(12 * HOUR);
  ours.store.faults.failNext('putMaterial', new KeyturnError('clock_behind', 'behind'));
  await ours.sweep.run();
  await ours.copies.validate();
  t.match(look(ours, ours.clock.uptime()), { status: 'degraded', checks: { clock: { status: 'failing' } } });
});

t.test('a service that drains is not ready', async (t) => {
  const ours = replica(t);
  await ours.copies.validate();
  ours.waiters.drain();
  t.equal(look(ours, ours.clock.uptime()).status, 'not ready');
});
