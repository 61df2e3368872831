import { setImmediate as nextTurn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Copy } from '../../src/app/copies.ts';
import { changePolicy } from '../../src/app/keyrings.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { parseKeyringName } from '../../src/core/name.ts';
import { HOUR, SECOND } from '../../src/core/time.ts';
import { asked, beside, make, type Replica, replica, stored, turn, WEB } from './fixture.ts';

const API = parseKeyringName('api');

/** Two replicas on one store; the first holds a copy of `web`. */
async function pair(t: Test): Promise<{ ours: Replica; theirs: Replica }> {
  const ours = replica(t);
  const theirs = beside(ours);
  await make(ours);
  await ours.copies.validate();
  await ours.copies.get(WEB);
  return { ours, theirs };
}

function held({ copies }: Replica): Copy {
  const copy = copies.peek(WEB);
  if (copy === undefined) throw new Error('no copy');
  return copy;
}

const versions = (ours: Replica) => ours.copies.peek(WEB)?.keyring.versions.length;

t.test('an age is counted from the last proof, and grows while the store is silent', async (t) => {
  const { ours } = await pair(t);
  await ours.clock.advance(3 * SECOND);
  t.equal(ours.copies.age(held(ours)), 3 * SECOND);
  await ours.copies.validate();
  t.equal(ours.copies.age(held(ours)), 0);
  ours.store.faults.down = true;
  await ours.clock.advance(4 * SECOND);
  await t.rejects(ours.copies.validate(), { code: 'store_unavailable' });
  t.equal(ours.copies.age(held(ours)), 4 * SECOND);
  t.equal(ours.copies.silence(), 4 * SECOND);
});

t.test('a wall clock that is set back makes no copy younger, one that jumps ahead makes it older', async (t) => {
  const { ours } = await pair(t);
  await ours.clock.advance(5 * SECOND);
  ours.clock.setBack(HOUR);
  t.equal(ours.copies.age(held(ours)), 5 * SECOND);
  ours.clock.setBack(-2 * HOUR);
  t.equal(ours.copies.age(held(ours)), HOUR + 5 * SECOND, 'a machine that slept counts its sleep');
});

t.test('the time that an answer took counts as age: a proof holds from before the question', async (t) => {
  const { ours } = await pair(t);
  ours.store.faults.beforeNext('changes', () => ours.clock.advance(7 * SECOND));
  await ours.copies.validate();
  t.equal(ours.copies.age(held(ours)), 7 * SECOND);
});

t.test('the feed proves all copies with one question and reloads only what changed', async (t) => {
  const { ours, theirs } = await pair(t);
  await make(theirs, API);
  await ours.copies.get(API);
  await ours.copies.validate();
  const loads = ours.store.faults.calls.get('load') ?? 0;
  await turn(theirs);
  await ours.clock.advance(10 * SECOND);
  await ours.copies.validate();
  t.equal(ours.store.faults.calls.get('load'), loads + 1);
  t.equal(versions(ours), 2);
  const api = ours.copies.peek(API);
  t.equal(api && ours.copies.age(api), 0);
});

t.test('a load that began before a change is thrown away', async (t) => {
  const { ours, theirs } = await pair(t);
  const gate = Promise.withResolvers<void>();
  const old = await ours.store.load(WEB);
  await turn(theirs);
  const load = ours.store.load;
  let stale = true;
  ours.store.load = async (...call) => {
    if (!stale) return load(...call);
    stale = false;
    await gate.promise;
    return old;
  };
  const late = ours.copies.reload(WEB);
  const validated = ours.copies.validate();
  await nextTurn();
  gate.resolve();
  await Promise.all([late, validated]);
  t.equal((await late)?.keyring.versions.length, 2);
  t.equal(versions(ours), 2);
});

t.test('nobody joins a load that already has its answer', async (t) => {
  const { ours, theirs } = await pair(t);
  await turn(theirs);
  const old = await ours.store.load(WEB);
  await turn(theirs, 'immediate');
  const { load } = ours.store;
  ours.store.load = async () => old;
  // The feed tells of the second change in the very moment in which the answer of before becomes the copy.
  const { cursor } = await ours.store.changes(null);
  const feed = Promise.withResolvers<{ cursor: typeof cursor; names: [typeof WEB] }>();
  ours.store.changes = () => feed.promise;
  const validated = ours.copies.validate();
  ours.copies.onChange(() => {
    ours.store.load = load;
    feed.resolve({ cursor, names: [WEB] });
  });
  await Promise.all([ours.copies.reload(WEB), validated]);
  t.same(held(ours).keyring, await stored(ours));
  t.not(held(ours).revision, old?.revision);
});

t.test('our own commit replaces the copy that it was made from, without a question', async (t) => {
  const { ours } = await pair(t);
  const told: string[] = [];
  ours.copies.onChange((name) => void told.push(name));
  const loads = ours.store.faults.calls.get('load') ?? 0;
  await turn(ours);
  t.equal(versions(ours), 2);
  t.equal(ours.store.faults.calls.get('load'), loads + 1, 'only the one of the change itself');
  t.same(told, [WEB]);
});

t.test('our own commit over a document that we did not hold makes us ask', async (t) => {
  const { ours, theirs } = await pair(t);
  await turn(theirs, 'immediate');
  await turn(ours, 'immediate');
  await ours.copies.reload(WEB);
  t.equal(versions(ours), 3);
});

t.test('a commit whose answer comes late hides no change after it, which the feed has told of and which could not be loaded', async (t) => {
  const { ours, theirs } = await pair(t);
  const { swap } = ours.store;
  ours.store.swap = async (...call) => {
    const revision = await swap(...call);
    await turn(theirs);
    await ours.clock.advance(4 * SECOND);
    ours.store.faults.failNext('load');
    await t.rejects(ours.copies.validate(), { code: 'store_unavailable' });
    return revision;
  };
  const { revision } = await changePolicy(ours.deps, WEB, { refreshSeconds: 20 }, held(ours).revision, asked);
  t.equal(held(ours).revision, revision);
  t.equal(ours.copies.age(held(ours)), 4 * SECOND, 'the feed has proved nothing of it');
  await ours.copies.validate();
  t.equal(versions(ours), 2);
  t.equal(ours.copies.age(held(ours)), 0);
});

t.test('a document that vanished is an outage, and takes nothing away', async (t) => {
  const { ours } = await pair(t);
  const { load } = ours.store;
  ours.store.load = async () => undefined;
  await t.rejects(ours.copies.reload(WEB), { code: 'store_unavailable', message: /no longer knows keyring web/ });
  t.equal(versions(ours), 1);
  t.equal(await ours.copies.get(API), undefined, 'one that never was is simply absent');
  ours.store.load = load;
  t.equal((await ours.copies.reload(WEB))?.keyring.versions.length, 1);
});

t.test('a damaged document ages alone: the copies of the others stay proved', async (t) => {
  const { ours, theirs } = await pair(t);
  await make(theirs, API);
  await ours.copies.get(API);
  await ours.copies.validate();
  await turn(theirs);
  const { load } = ours.store;
  const damaged = new KeyturnError('corrupt_document', 'damaged');
  ours.store.load = (name, ...rest) => (name === WEB ? Promise.reject(damaged) : load(name, ...rest));
  for (let second = 0; second < 5; second++) {
    await ours.clock.advance(SECOND);
    await t.rejects(ours.copies.validate(), { code: 'corrupt_document' }, 'and somebody hears of it');
  }
  const api = ours.copies.peek(API);
  t.equal(api && ours.copies.age(api), 0);
  t.equal(ours.copies.silence(), 0, 'the store has answered');
  t.equal(ours.copies.age(held(ours)), 5 * SECOND, 'counted from the last time it was known to be true');
  ours.store.load = load;
  await ours.copies.validate();
  t.equal(versions(ours), 2);
  t.equal(ours.copies.age(held(ours)), 0);
});

t.test('the cursor moves on even if a reload failed, and the failed one is tried again', async (t) => {
  const { ours, theirs } = await pair(t);
  await turn(theirs);
  ours.store.faults.failNext('load');
  await t.rejects(ours.copies.validate(), { code: 'store_unavailable' });
  t.equal(versions(ours), 1);
  await ours.copies.validate();
  t.equal(versions(ours), 2);
});

t.test('secrets of revoked versions leave memory with the old copy, the others stay through a new revision', async (t) => {
  const { ours } = await pair(t);
  await ours.reader.read(WEB);
  t.equal(held(ours).materials.size, 1);
  await turn(ours, 'immediate');
  t.equal(held(ours).materials.size, 1, 'the one of version 1 was kept');
  await turn(ours, 'emergency');
  t.equal(held(ours).materials.size, 0);
});

t.test('questions at the same time share one load', async (t) => {
  const ours = replica(t);
  await make(ours);
  const loads = ours.store.faults.calls.get('load') ?? 0;
  const [one, two] = await Promise.all([ours.copies.get(WEB), ours.copies.get(WEB)]);
  t.equal(one, two);
  t.equal(ours.store.faults.calls.get('load'), loads + 1);
});
