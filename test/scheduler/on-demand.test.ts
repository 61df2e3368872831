import t from 'tap';
import { onDemand } from '../../src/scheduler/on-demand.ts';

/** A task that ends when it is told to, and counts. */
function gated() {
  const gates: PromiseWithResolvers<void>[] = [];
  let atOnce = 0;
  const run = onDemand(async () => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    atOnce++;
    if (atOnce > 1) throw new Error('twice at a time');
    await gate.promise.finally(() => atOnce--);
  });
  return { run, gates };
}

t.test('who asks while the task runs shares one more run, which begins after it', async (t) => {
  const { run, gates } = gated();
  const first = run();
  const others = [run(), run(), run()];
  t.equal(gates.length, 1);
  gates[0]?.resolve();
  await first;
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(gates.length, 2);
  gates[1]?.resolve();
  await Promise.all(others);
  const late = run();
  t.equal(gates.length, 3);
  gates[2]?.resolve();
  await late;
});

t.test('a failure is told to those who asked for that run, and to no other', async (t) => {
  const { run, gates } = gated();
  const first = run();
  const second = run();
  gates[0]?.reject(new Error('no'));
  await t.rejects(first, { message: 'no' });
  await new Promise((resolve) => setImmediate(resolve));
  gates[1]?.resolve();
  await second;
  t.equal(gates.length, 2);
});
