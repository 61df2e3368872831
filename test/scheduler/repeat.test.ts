import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { repeat } from '../../src/scheduler/repeat.ts';
import { ManualClock } from '../support/clock.ts';

t.test('a task runs each time a pause after its last run has ended, never twice at a time', async (t) => {
  const clock = new ManualClock(0);
  const runs: number[] = [];
  let gate = Promise.withResolvers<void>();
  const end = repeat(
    clock,
    1_000,
    async () => {
      runs.push(clock.now());
      await gate.promise;
    },
    () => undefined,
  );
  await clock.advance(999);
  t.same(runs, []);
  await clock.advance(5_001);
  t.same(runs, [1_000], 'the first one has not ended');
  gate.resolve();
  gate = Promise.withResolvers();
  gate.resolve();
  await clock.advance(2_500);
  t.same(runs, [1_000, 7_000, 8_000]);
  await end();
  t.equal(clock.pending, 0);
});

t.test('a failure is told, and the next run follows; so is what a task throws at once', async (t) => {
  const clock = new ManualClock();
  const failures: unknown[] = [];
  let runs = 0;
  const tasks = [
    () => Promise.reject(new Error('later')),
    () => {
      throw new Error('at once');
    },
    () => Promise.resolve(),
  ];
  const end = repeat(
    clock,
    10,
    () => tasks[runs++]?.() ?? Promise.resolve(),
    (error) => void failures.push(error instanceof Error && error.message),
  );
  await clock.advance(35);
  t.same(failures, ['later', 'at once']);
  t.equal(runs, 3);
  await end();
});

t.test('ending waits for the run under way, and none follows', async (t) => {
  const clock = new ManualClock();
  const gate = Promise.withResolvers<void>();
  let [begun, ended] = [0, 0];
  const task = async (): Promise<void> => {
    begun++;
    await gate.promise;
    await nextTurn();
    ended++;
  };
  const end = repeat(clock, 10, task, () => undefined);
  await clock.advance(10);
  const done = end();
  gate.resolve();
  await done;
  t.equal(ended, 1);
  await clock.advance(100);
  t.same([begun, clock.pending], [1, 0]);
});
