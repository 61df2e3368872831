import { inspect } from 'node:util';
import { KeyturnError } from '../../../src/core/errors.ts';
import type { Promised } from '../conformance.ts';
import { createIn, keyring, MATERIAL_TEXT, material, named, otherMaterial, ref } from '../keyrings.ts';
import { CALLS, entry, failureOf } from './calls.ts';

export function trustContract(promised: Promised): void {
  promised('a call that was given up before it began does nothing and is no absence', async (t, { store }) => {
    const signal = AbortSignal.abort();
    for (const [method, call] of Object.entries(CALLS)) {
      t.match(await failureOf(call(store, { signal })), { code: 'store_unavailable' }, method);
    }
    t.equal(await store.load(named('web')), undefined);
    t.equal(await store.getMaterial(entry), undefined);
    await store.putMaterial(entry, material());
  });

  promised('a store that works passes its check', async (_t, { store }) => {
    await store.check();
  });

  promised('a closed store is an outage, not an empty store; closing again is harmless', async (t, { store }) => {
    await createIn(store, keyring('web'));
    await store.close();
    await store.close();
    for (const [method, call] of Object.entries(CALLS)) t.match(await failureOf(call(store, {})), { code: 'store_unavailable' }, method);
  });

  promised('no failure carries material, neither in its message nor in its causes', async (t, { store }) => {
    await store.putMaterial(entry, otherMaterial());
    const refused = await failureOf(store.putMaterial(entry, material()));
    await store.close();
    const failures = [refused, await failureOf(store.putMaterial(ref('web'), material())), await failureOf(store.getMaterial(entry))];
    for (const failure of failures) {
      t.ok(failure instanceof KeyturnError);
      const everything = inspect(failure, { depth: 20, showHidden: true });
      for (const text of [MATERIAL_TEXT, otherMaterial().reveal()]) t.notOk(everything.includes(text));
    }
  });
}
