import t from 'tap';
import { systemClock, systemTimers } from '../src/clock.ts';
import { ManualClock } from './support/clock.ts';

t.test('uptime is whole milliseconds and never runs backwards', async (t) => {
  const first = systemClock.uptime();
  t.ok(Number.isInteger(first) && first >= 0);
  t.ok(systemClock.uptime() >= first);
  t.ok(Number.isInteger(systemClock.now()));
});

t.test('a delay that is longer than setTimeout can take does not fire at once', async (t) => {
  let fired = 0;
  const cancel = systemTimers.after(2 ** 31, () => fired++);
  systemTimers.after(1, () => fired++)();
  await new Promise<void>((resolve) => systemTimers.after(5, resolve));
  t.equal(fired, 0);
  cancel();
});

t.test('the clock of the tests fires timers in order, each at its moment, also those that others set', async (t) => {
  const clock = new ManualClock(1_000);
  const seen: string[] = [];
  const note = (what: string) => () => void seen.push(`${what}@${clock.now()}`);
  clock.after(30, note('c'));
  clock.after(10, () => {
    note('a')();
    Promise.resolve().then(() => clock.after(10, note('b')));
  });
  clock.after(15, note('never'))();
  await clock.advance(29);
  t.same(seen, ['a@1010', 'b@1020']);
  clock.setBack(500);
  await clock.advance(1);
  t.same(seen.at(-1), 'c@530');
  t.match({ uptime: clock.uptime(), pending: clock.pending }, { uptime: 30, pending: 0 });
});
