import { inspect } from 'node:util';
import type { Test } from 'tap';
import { KeyturnError } from '../../../src/core/errors.ts';
import type { Link, Promised, Ready } from '../conformance.ts';
import { createIn, keyring, loadFrom, MATERIAL_TEXT, material, named, ref, rotated } from '../keyrings.ts';
import { CALLS, entry, failureOf } from './calls.ts';

/** Milliseconds each way: within the limit of every store of the tests, and beyond it. */
const SLOW = 60;
const TOO_SLOW = 2_200;

type Reached = Ready & { readonly link: Link };

/** For stores that are reached over a network, where the test can get at it. */
export function outageContract(promised: Promised): void {
  const remote = (sentence: string, tried: (t: Test, opened: Reached) => Promise<void>): void =>
    promised(sentence, async (t, { link, ...opened }) => {
      if (link === null) return void t.pass('this store is not reached over a network', { skip: 'no network' });
      await tried(t, { ...opened, link });
    });

  remote('a store that cannot be reached is an outage, never an absence, and serves again when it is back', async (t, { store, link }) => {
    const document = keyring('web');
    await createIn(store, document);
    link.cut();
    for (const [method, call] of Object.entries(CALLS)) t.match(await failureOf(call(store, {})), { code: 'store_unavailable' }, method);
    link.open();
    await untilAnswers(() => store.check());
    t.same((await loadFrom(store, 'web')).keyring, document);
  });

  remote('connections that break do not hurt the calls after them', async (t, { store, link }) => {
    const document = keyring('web');
    await createIn(store, document);
    link.reset();
    await untilAnswers(() => store.check());
    t.same((await loadFrom(store, 'web')).keyring, document);
  });

  remote('a store that falls silent is given up in time, and serves again when it is back', async (t, { store, link }) => {
    const document = keyring('web');
    const revision = await createIn(store, document);
    link.freeze();
    const calls = [store.load(named('web')), store.swap(rotated(document), revision), store.getMaterial(entry)].map(failureOf);
    for (const call of calls) t.match(await call, { code: 'store_unavailable' });
    link.open();
    await untilAnswers(() => store.check());
    t.equal((await loadFrom(store, 'web')).keyring.name, 'web');
  });

  remote(
    'a slow line is waited for within the limit, and given up beyond it; what comes late is whole or was not',
    async (t, { store, link }) => {
      const document = keyring('web');
      const revision = await createIn(store, document);
      link.slow(SLOW);
      const begun = performance.now();
      const second = rotated(document);
      const later = await store.swap(second, revision);
      t.ok(later, 'slow, and done');
      t.ok(performance.now() - begun >= 2 * SLOW, 'it was slow');
      link.slow(TOO_SLOW);
      const third = rotated(second);
      const calls = [store.load(named('web')), store.getMaterial(entry), store.swap(third, later ?? revision)].map(failureOf);
      for (const call of calls) t.match(await call, { code: 'store_unavailable' });
      link.open();
      await untilAnswers(() => store.check());
      const { keyring: found } = await loadFrom(store, 'web');
      t.ok([second, third].some(({ changed }) => changed.id === found.changed.id));
      t.equal(await store.swap(third, revision), null, 'and the first revision is over');
    },
  );

  remote('a caller that gives up waits no longer, whatever the store does', async (t, { store, link }) => {
    await createIn(store, keyring('web'));
    link.freeze();
    for (const [method, call] of Object.entries(CALLS)) {
      const giveUp = new AbortController();
      const failure = failureOf(call(store, { signal: giveUp.signal }));
      setImmediate(() => giveUp.abort());
      t.match(await failure, { code: 'store_unavailable' }, method);
    }
    link.open();
    await untilAnswers(() => store.check());
  });

  remote('what an outage throws carries neither material nor credentials', async (t, { store, link }) => {
    link.cut();
    const failures = [await failureOf(store.putMaterial(ref('web'), material())), await failureOf(store.load(named('web')))];
    link.open();
    link.freeze();
    failures.push(await failureOf(store.putMaterial(ref('web'), material(), { signal: AbortSignal.timeout(50) })));
    for (const failure of failures) {
      t.ok(failure instanceof KeyturnError);
      const everything = inspect(failure, { depth: 20, showHidden: true });
      for (const text of [MATERIAL_TEXT, ...link.credentials]) t.notOk(everything.includes(text));
    }
  });
}

/** Recovery may take a few tries: connections from before are found dead one by one. */
async function untilAnswers(call: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await call();
      return;
    } catch (error) {
      if (attempt === 20) throw error;
    }
  }
}
