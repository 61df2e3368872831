import { setImmediate as nextTurn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { deleteKeyring } from '../../src/app/keyrings.ts';
import type { Granted } from '../../src/app/read-keys.ts';
import { SECOND } from '../../src/core/time.ts';
import { asked, beside, hearing, make, type Replica, replica, turn, WEB } from './fixture.ts';

interface Held {
  /** Null until the request is answered. */
  readonly answer: () => Granted | null;
  readonly promise: Promise<Granted>;
}

/** A request for `web` that is held because its etag is that of now. */
async function hold(ours: Replica, seconds: number, gone = hearing()): Promise<Held> {
  const { etag } = (await ours.reader.read(WEB)).keys;
  let answer: Granted | null = null;
  const promise = ours.reader.readWhenChanged(WEB, etag, seconds, gone);
  promise.then(
    (granted) => {
      answer = granted;
    },
    () => undefined,
  );
  await nextTurn();
  return { answer: () => answer, promise };
}

async function serving(t: Test): Promise<Replica> {
  const ours = replica(t);
  await make(ours);
  await ours.copies.validate();
  return ours;
}

t.test('a change wakes whoever waits, with the new keys', async (t) => {
  const ours = await serving(t);
  const [one, two] = [await hold(ours, 300), await hold(ours, 300)];
  t.equal(ours.waiters.count, 2);
  await turn(ours, 'immediate');
  t.equal((await one.promise).keys.current.version.version, 2);
  t.equal((await two.promise).keys.current.version.version, 2);
  t.match({ count: ours.waiters.count, timers: ours.clock.pending }, { count: 0, timers: 0 });
});

t.test('a change by another replica wakes at the next question to the feed', async (t) => {
  const ours = await serving(t);
  const held = await hold(ours, 300);
  await turn(beside(ours), 'emergency');
  await nextTurn();
  t.equal(held.answer(), null);
  await ours.copies.validate();
  t.equal((await held.promise).keys.current.version.version, 2);
});

t.test('a change of roles by time alone wakes at its very instant', async (t) => {
  const ours = await serving(t);
  await turn(ours);
  const held = await hold(ours, 300);
  await ours.clock.advance(70 * SECOND - 1);
  await ours.copies.validate();
  t.equal(held.answer(), null);
  await ours.clock.advance(1);
  t.equal((await held.promise).keys.current.version.version, 2);
});

t.test('at the deadline the same keys are answered', async (t) => {
  const ours = await serving(t);
  const { etag } = (await ours.reader.read(WEB)).keys;
  const held = await hold(ours, 20);
  await ours.clock.advance(20 * SECOND - 1);
  t.equal(held.answer(), null);
  await ours.clock.advance(1);
  t.equal((await held.promise).keys.etag, etag);
  t.equal((await held.promise).leaseSeconds, 40, 'with the lease of the answer, not of the question');
});

t.test('an etag of other keys is answered at once, and so is a wait of no time', async (t) => {
  const ours = await serving(t);
  const { etag } = (await ours.reader.read(WEB)).keys;
  t.ok(await ours.reader.readWhenChanged(WEB, '"another"', 300, hearing()));
  t.ok(await ours.reader.readWhenChanged(WEB, etag, 0, hearing()));
  t.equal(ours.clock.pending, 0);
});

t.test('a caller that has gone is let go', async (t) => {
  const ours = await serving(t);
  const gone = new AbortController();
  const held = await hold(ours, 300, gone.signal);
  gone.abort();
  await held.promise;
  t.match({ count: ours.waiters.count, timers: ours.clock.pending }, { count: 0, timers: 0 });
});

t.test('a service that drains lets everybody go and holds nobody from then on', async (t) => {
  const ours = await serving(t);
  const held = await hold(ours, 300);
  ours.waiters.drain();
  const { keys } = await held.promise;
  t.equal((await ours.reader.readWhenChanged(WEB, keys.etag, 300, hearing())).keys, keys);
  t.equal(ours.clock.pending, 0);
});

t.test('a deletion wakes with the refusal', async (t) => {
  const ours = await serving(t);
  const held = await hold(ours, 300);
  const refused = t.rejects(held.promise, { code: 'keyring_deleted' });
  await deleteKeyring(ours.deps, WEB, 7, asked);
  await refused;
});

t.test('a wait that an outage outlasts ends in a refusal when the lease is over', async (t) => {
  const ours = await serving(t);
  const held = await hold(ours, 300);
  const refused = t.rejects(held.promise, { code: 'lease_exhausted' });
  ours.store.faults.down = true;
  await ours.clock.advance(300 * SECOND);
  await refused;
});

t.test('a change that comes between the look and the wait is not missed', async (t) => {
  const ours = await serving(t);
  const { etag } = (await beside(ours).reader.read(WEB)).keys;
  const peek = ours.reader.peek.bind(ours.reader);
  let change: Promise<unknown> | undefined;
  await ours.reader.read(WEB);
  // The copy is replaced after it was read and before anybody waits.
  ours.reader.peek = (name) => {
    const granted = peek(name);
    change ??= turn(beside(ours), 'emergency').then(() => ours.copies.validate());
    return granted;
  };
  const read = ours.reader.read.bind(ours.reader);
  ours.reader.read = async (name) => {
    const granted = await read(name);
    await change;
    return granted;
  };
  const granted = await ours.reader.readWhenChanged(WEB, etag, 300, hearing());
  t.equal(granted.keys.current.version.version, 2);
});
