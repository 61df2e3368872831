import { getEventListeners } from 'node:events';
import t from 'tap';
import { Waiters } from '../../src/app/waiters.ts';
import { parseKeyringName } from '../../src/core/name.ts';
import { ManualClock } from '../support/clock.ts';
import { hearing, WEB } from './fixture.ts';

const API = parseKeyringName('api');

t.test('only those who wait for the keyring are woken', async (t) => {
  const waiters = new Waiters(new ManualClock());
  const woken: string[] = [];
  const web = waiters.wait(WEB, 1_000, hearing()).then(() => woken.push('web'));
  const api = waiters.wait(API, 1_000, hearing()).then(() => woken.push('api'));
  waiters.wake(WEB);
  await web;
  t.same(woken, ['web']);
  t.equal(waiters.count, 1);
  waiters.drain();
  await api;
});

t.test('whoever was woken leaves nothing behind: no timer, no listener, no count', async (t) => {
  const clock = new ManualClock();
  const waiters = new Waiters(clock);
  const gone = new AbortController();
  const waits = [waiters.wait(WEB, 5, gone.signal), waiters.wait(WEB, 1_000, gone.signal)];
  await clock.advance(5);
  await waits[0];
  t.equal(waiters.count, 1);
  waiters.wake(WEB);
  await waits[1];
  waiters.wake(WEB);
  t.match({ count: waiters.count, timers: clock.pending }, { count: 0, timers: 0 });
  t.equal(getEventListeners(gone.signal, 'abort').length, 0);
});

t.test('a caller that has gone before, and a service that drains, are not held', async (t) => {
  const clock = new ManualClock();
  const waiters = new Waiters(clock);
  await waiters.wait(WEB, 1_000, AbortSignal.abort());
  t.equal(waiters.draining, false);
  waiters.drain();
  t.equal(waiters.draining, true);
  await waiters.wait(WEB, 1_000, hearing());
  t.equal(clock.pending, 0);
});

t.test('one who waits again while being woken is not woken twice', async (t) => {
  const waiters = new Waiters(new ManualClock());
  let rounds = 0;
  const again = async (): Promise<void> => {
    await waiters.wait(WEB, 1_000, hearing());
    rounds++;
    await waiters.wait(WEB, 1_000, hearing());
    rounds++;
  };
  const done = again();
  waiters.wake(WEB);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(rounds, 1);
  waiters.wake(WEB);
  await done;
});

t.test('beyond so many nobody is held, and it is counted; one who goes makes room', async (t) => {
  const waiters = new Waiters(new ManualClock(), 2);
  t.ok(waiters.admits());
  const waits = [waiters.wait(WEB, 1_000, hearing()), waiters.wait(API, 1_000, hearing())];
  t.notOk(waiters.admits());
  t.notOk(waiters.admits());
  t.equal(waiters.turnedAway, 2);
  waiters.wake(API);
  await waits[1];
  t.ok(waiters.admits());
  waiters.drain();
  t.notOk(waiters.admits());
  t.equal(waiters.turnedAway, 2, 'a service that drains turns nobody away');
  await waits[0];
});
