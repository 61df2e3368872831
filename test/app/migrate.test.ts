import t, { type Test } from 'tap';
import { type MigrateDeps, migrate, type Side } from '../../src/app/migrate.ts';
import { callOffMove } from '../../src/app/move.ts';
import { encodeKeyring } from '../../src/core/codec.ts';
import type { Keyring } from '../../src/core/keyring.ts';
import { Secret } from '../../src/core/secret.ts';
import { revoke } from '../../src/core/transitions/revoke.ts';
import { SCHEDULER, type Version } from '../../src/core/version.ts';
import type { MoveMarks } from '../../src/ports/move.ts';
import type { TokenId, TokenRecord } from '../../src/ports/tokens.ts';
import { sameSecret } from '../../src/stores/sealing.ts';
import { context, createIn, keyring, loadFrom, ref, rotated, T0 } from '../stores/keyrings.ts';
import { type FaultyStore, faulty } from '../support/faulty-store.ts';
import { openTestSqlite, storeRandom } from '../support/sqlite.ts';

interface TestSide extends Side {
  readonly store: FaultyStore;
}

/** A store of its own; `fences: false` as one that cannot keep writers out. */
function sideOf(t: Test, place: string, fences = true): TestSide {
  const { store, tokens, move } = openTestSqlite(t);
  return { store: faulty(store), tokens, move: { ...move, fences }, place };
}

const token = (id: string, revoked = false): TokenRecord => ({
  id: id as TokenId,
  name: id,
  hash: id.slice(-1).repeat(64),
  roles: ['app'],
  keyrings: ['*'],
  createdAt: T0,
  createdBy: SCHEDULER,
  expiresAt: null,
  revoked: revoked ? { at: T0 + 1, by: SCHEDULER, reason: 'lost' } : null,
  lastUsedAt: null,
});

/** The first version of this one was revoked, its key destroyed; the others are live. */
function withEnded(name: string): Keyring {
  const two = rotated(keyring(name));
  return rotated(revoke(two, 1, context(two.changed.at + 1)).keyring);
}

const materialOf = ({ nonce }: Version) => new Secret(nonce.repeat(4));

async function fill({ store, tokens }: Side, documents = [withEnded('web'), keyring('api')]): Promise<void> {
  for (const document of documents) {
    for (const version of document.versions) {
      const at = ref(document.name, version.version, version.nonce);
      await store.putMaterial(at, materialOf(version));
      if (version.revoked !== null) await store.destroyMaterial(at);
    }
    await createIn(store, document);
  }
  await tokens.insert(token('aaaaaaaaaaaa'));
  await tokens.insert(token('bbbbbbbbbbbb', true));
}

function deps(from: Side, to: Side): MigrateDeps & { readonly records: string[] } {
  const records: string[] = [];
  return {
    from,
    to,
    random: storeRandom,
    same: sameSecret,
    records,
    progress: () => undefined,
    recordLeft: async ({ keyrings }) => void records.push(`left with ${keyrings}`),
    recordArrived: async (keyrings) => void records.push(`arrived: ${keyrings.map(({ name }) => name).join(' ')}`),
  };
}

async function sameIn(t: Test, from: Side, to: Side, names = ['api', 'web']): Promise<void> {
  for (const name of names) {
    const [old, copy] = [await loadFrom(from.store, name), await loadFrom(to.store, name)];
    t.equal(encodeKeyring(copy.keyring), encodeKeyring(old.keyring));
    for (const version of copy.keyring.versions) {
      const at = ref(name, version.version, version.nonce);
      const found = await to.store.getMaterial(at);
      if (version.revoked === null) t.ok(found !== undefined && sameSecret(found, materialOf(version)), `${name} ${version.version}`);
      else await t.rejects(to.store.putMaterial(at, materialOf(version)), { code: 'material_exists' }, 'what ended cannot come back');
    }
  }
  t.same((await to.tokens.page(null, 10)).items, (await from.tokens.page(null, 10)).items);
}

/** As `requireInPlace` says it; a store that holds nothing does not count. */
async function maybeServed({ move, store }: Side): Promise<boolean> {
  const phase = (await move.read())?.phase;
  return (phase === undefined || phase === 'arrived') && (await store.page(null, 1)).items.length > 0;
}

t.test('everything moves, ended versions as ended ones, and a second run does nothing', async (t) => {
  const [from, to] = [sideOf(t, 'old'), sideOf(t, 'new')];
  await fill(from);
  const run = deps(from, to);
  t.same(await migrate(run), { keyrings: 2, keys: 3, tokens: 2 });
  await sameIn(t, from, to);
  t.same(run.records, ['left with 2', 'arrived: api web']);
  t.match(await from.move.read(), { phase: 'moved', other: 'new' });
  t.match(await to.move.read(), { phase: 'arrived', other: 'old' });
  t.equal(await migrate(run), null);
  await t.rejects(callOffMove(from), { code: 'invalid_config', message: /already/ });
});

/** Fails right after the `at`-th call over all methods of several objects: it happened, and nothing that follows does. */
function crashAfter(at: number) {
  let calls = 0;
  const trip = async (call: () => unknown): Promise<unknown> => {
    if (calls >= at) throw new Error('crash');
    calls++;
    const result = await call();
    if (calls >= at) throw new Error('crash');
    return result;
  };
  const around = <Inner extends object>(inner: Inner): Inner =>
    new Proxy(inner, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? (...given: unknown[]) => trip(() => Reflect.apply(value, target, given)) : value;
      },
    });
  const side = (side: Side): Side => ({ ...side, store: around(side.store), tokens: around(side.tokens), move: around(side.move) });
  return { side, reached: () => calls >= at };
}

t.test('a crash at any step leaves one store at most to serve from, and running it again ends in the same place', async (t) => {
  let steps = 0;
  for (let reached = true; reached; steps++) {
    const [from, to] = [sideOf(t, 'old'), sideOf(t, 'new')];
    await fill(from, [withEnded('web')]);
    const crash = crashAfter(steps + 1);
    await migrate(deps(crash.side(from), crash.side(to))).catch((error: Error) => t.equal(error.message, 'crash'));
    t.notOk((await maybeServed(from)) && (await maybeServed(to)), `not both, after step ${steps + 1}`);
    const [left, arrived] = [await from.move.read(), await to.move.read()];
    t.ok(arrived?.phase !== 'arrived' || left?.phase === 'moved', 'the old store is given up before the new one is complete');
    reached = crash.reached();
    await migrate(deps(from, to));
    t.match([await from.move.read(), await to.move.read()], [{ phase: 'moved' }, { phase: 'arrived' }]);
    await sameIn(t, from, to, ['web']);
    await from.store.close();
    await to.store.close();
  }
  t.ok(steps > 30, `${steps} steps`);
});

async function changeIn({ store }: Side): Promise<void> {
  const { keyring: before, revision } = await loadFrom(store, 'api');
  await store.swap({ ...before, changed: { ...before.changed, id: context().changeId } }, revision);
}

t.test('a change in a store that cannot keep writers out is seen, before it is given up and right after', async (t) => {
  for (const when of ['recordLeft', 'moved'] as const) {
    const [from, to] = [sideOf(t, 'old', false), sideOf(t, 'new')];
    await fill(from);
    const move: MoveMarks = {
      ...from.move,
      async write(mark) {
        await from.move.write(mark);
        if (when === 'moved' && mark?.phase === 'moved') await changeIn(from);
      },
    };
    // after the copy: what is loaded next is compared
    if (when === 'recordLeft') from.store.faults.beforeNext('getMaterial', () => to.store.faults.beforeNext('load', () => changeIn(from)));
    const run = deps({ ...from, move }, to);
    await t.rejects(migrate(run), { code: 'conflict', message: /Keyring api was changed in the old store/ }, when);
    t.match([await from.move.read(), await to.move.read()], [{ phase: 'leaving' }, { phase: 'arriving' }]);
    t.same(await migrate(deps(from, to)), { keyrings: 2, keys: 3, tokens: 2 }, 'the change is taken along by the next run');
    await sameIn(t, from, to);
  }
});

t.test('stores that do not fit are refused, and nothing is marked', async (t) => {
  const [from, to, other] = [sideOf(t, 'old'), sideOf(t, 'new'), sideOf(t, 'other')];
  await t.rejects(migrate(deps(from, to)), { code: 'invalid_config', message: /no keyrings/ });
  await fill(from);
  await to.tokens.insert(token('cccccccccccc'));
  await t.rejects(migrate(deps(from, to)), { code: 'invalid_config', message: /not empty/ });
  await t.rejects(migrate(deps(from, from)), { code: 'invalid_config', message: /not empty/ });
  t.same([await from.move.read(), await to.move.read()], [null, null]);
  await t.rejects(callOffMove(from), { code: 'invalid_config', message: /under way/ });

  from.store.faults.failNext('getMaterial');
  await t.rejects(migrate(deps(from, other)), { code: 'store_unavailable' });
  await t.rejects(migrate(deps(from, sideOf(t, 'third'))), { code: 'invalid_config', message: /A move to other was begun/ });
  await callOffMove(from);
  t.equal(await from.move.read(), null);
  t.equal((await other.move.read())?.phase, 'arriving', 'what was copied is never served');
});

t.test('a key that is missing stops the move', async (t) => {
  const [from, to] = [sideOf(t, 'old'), sideOf(t, 'new')];
  await fill(from);
  await createIn(from.store, keyring('lost'));
  await t.rejects(migrate(deps(from, to)), { code: 'material_missing', message: /version 1 of keyring lost/ });
  t.match([await from.move.read(), await to.move.read()], [{ phase: 'leaving' }, { phase: 'arriving' }]);
});

t.test('a copy that is not the same is never cut over to', async (t) => {
  const spoilt: readonly ((to: TestSide) => Side)[] = [
    (to) => ({ ...to, store: { ...to.store, putMaterial: (at) => to.store.putMaterial(at, new Secret('0badcafe'.repeat(8))) } }),
    (to) => ({ ...to, store: { ...to.store, swap: (document, at) => to.store.swap(rotated(document), at) } }),
    (to) => ({
      ...to,
      store: { ...to.store, swap: (document, at) => createIn(to.store, keyring('own')).then(() => to.store.swap(document, at)) },
    }),
    (to) => ({ ...to, tokens: { ...to.tokens, insert: (one) => to.tokens.insert({ ...one, roles: ['admin'] }) } }),
    (to) => ({ ...to, tokens: { ...to.tokens, insert: (one) => to.tokens.insert({ ...one, revoked: null }) } }),
  ];
  for (const spoil of spoilt) {
    const [from, to] = [sideOf(t, 'old'), sideOf(t, 'new')];
    await fill(from, [withEnded('web')]);
    await t.rejects(migrate(deps(from, spoil(to))), { code: 'conflict' });
    t.match([await from.move.read(), await to.move.read()], [{ phase: 'leaving' }, { phase: 'arriving' }]);
  }
});

t.test('a run that comes too late leaves the new store as it is', async (t) => {
  const [from, to] = [sideOf(t, 'old', false), sideOf(t, 'new')];
  await fill(from);
  // the other run ends, and the service of the new store changes a keyring, before this one has copied it
  to.store.faults.beforeNext('load', async () => {
    await migrate(deps(from, to));
    await changeIn(to);
  });
  const late = deps(from, to);
  await t.rejects(migrate(late), { code: 'conflict', message: /Another keyturn migrate/ });
  t.match([await from.move.read(), await to.move.read()], [{ phase: 'moved' }, { phase: 'arrived' }]);
  t.not(encodeKeyring((await loadFrom(to.store, 'api')).keyring), encodeKeyring((await loadFrom(from.store, 'api')).keyring));
});
