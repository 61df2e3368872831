import t, { type Test } from 'tap';
import { systemClock } from '../../src/clock.ts';
import { longestPause, Scheduler, type SchedulerDeps } from '../../src/scheduler/scheduler.ts';
import { ManualClock } from '../support/clock.ts';

const NEVER = '0 0 0 29 2 *';
const EVERY_SECOND = '* * * * * *';

function scheduler(t: Test, deps: Partial<SchedulerDeps>): Scheduler {
  const made = new Scheduler({ cron: NEVER, clock: new ManualClock(), run: async () => undefined, ran: () => undefined, ...deps });
  t.teardown(() => made.stop());
  return made;
}

t.test('it runs once at the start and from then on whenever the cron expression fires', async (t) => {
  const third = Promise.withResolvers<void>();
  let runs = 0;
  const run = async (): Promise<void> => {
    if (++runs === 3) third.resolve();
  };
  const made = scheduler(t, { cron: EVERY_SECOND, clock: systemClock, run });
  t.equal(made.lastSweep, null);
  await made.start();
  t.equal(runs, 1);
  t.type(made.lastSweep, 'number');
  await third.promise;
});

t.test('it never runs twice at a time: who wakes it joins the run under way', async (t) => {
  const gate = Promise.withResolvers<void>();
  let running = 0;
  let runs = 0;
  const made = scheduler(t, {
    run: async () => {
      t.equal(++running, 1);
      runs++;
      await gate.promise;
      running--;
    },
  });
  const both = [made.wake(), made.wake()];
  gate.resolve();
  await Promise.all(both);
  t.equal(runs, 1);
  await made.wake();
  t.equal(runs, 2);
});

t.test('a cron tick that falls into a run is left out', async (t) => {
  const ticked = Promise.withResolvers<void>();
  let [runs, running] = [0, 0];
  const made = scheduler(t, {
    cron: EVERY_SECOND,
    clock: systemClock,
    run: async () => {
      t.equal(++running, 1, 'alone');
      // The second run lasts longer than the time to the next tick.
      if (++runs === 2) await new Promise((resolve) => setTimeout(resolve, 1_100));
      if (runs === 3) ticked.resolve();
      running--;
    },
  });
  await made.start();
  await ticked.promise;
});

t.test('stopping waits for the run under way, and no other follows', async (t) => {
  const gate = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  let [runs, ended] = [0, 0];
  const made = scheduler(t, {
    cron: EVERY_SECOND,
    clock: systemClock,
    run: async () => {
      if (++runs < 2) return;
      began.resolve();
      await gate.promise;
      ended++;
    },
  });
  await made.start();
  await began.promise;
  const stopped = made.stop();
  setTimeout(() => gate.resolve(), 20);
  await stopped;
  t.equal(ended, 1);
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  t.equal(runs, 2);
});

t.test('a start that is overtaken by a stop begins nothing', async (t) => {
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  const made = scheduler(t, {
    cron: EVERY_SECOND,
    clock: systemClock,
    run: async () => {
      runs++;
      await gate.promise;
    },
  });
  const started = made.start();
  const stopped = made.stop();
  gate.resolve();
  await Promise.all([started, stopped]);
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  t.equal(runs, 1);
});

t.test('a run that fails is reported and rejects nobody; the next one goes on', async (t) => {
  const clock = new ManualClock();
  const reports: unknown[] = [];
  let broken = true;
  const made = scheduler(t, {
    clock,
    run: async () => {
      await clock.advance(250);
      if (broken) throw new Error('no store');
    },
    ran: (took, error) => void reports.push([took, error instanceof Error ? error.message : error]),
  });
  await made.wake();
  t.equal(made.lastSweep, null, 'a run that failed is no sweep');
  broken = false;
  await made.wake();
  t.same(reports, [
    [250, 'no store'],
    [250, null],
  ]);
  t.equal(made.lastSweep, 500);
});

t.test('the longest pause between wake-ups is read off the cron expression', async (t) => {
  const now = Date.parse('2026-03-01T12:00:00Z');
  t.equal(longestPause(EVERY_SECOND, now), 1_000);
  t.equal(longestPause('*/7 * * * *', now), 7 * 60_000);
  t.equal(longestPause('0 3 * * *', now), 86_400_000);
});
