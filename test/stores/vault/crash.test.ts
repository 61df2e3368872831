import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Copies } from '../../../src/app/copies.ts';
import { destroyOrphans } from '../../../src/app/orphans.ts';
import { Sweep, type SweepOutcome } from '../../../src/app/sweep.ts';
import { systemClock } from '../../../src/clock.ts';
import { DEFAULT_POLICY } from '../../../src/core/policy.ts';
import { Secret } from '../../../src/core/secret.ts';
import { DAY } from '../../../src/core/time.ts';
import { storeRandom } from '../../support/sqlite.ts';
import { freshPrefix, openTestVault } from '../../support/vault.ts';
import { type Asked, startVaultDouble } from '../../support/vault-double/double.ts';
import { createIn, keyring, loadFrom, material, named } from '../keyrings.ts';

const POLICY = { ...DEFAULT_POLICY, schedule: { cron: '0 3 1 * *', timeZone: 'UTC' } };

/** The writes of a rotation, and where in each its writer ends: before Vault has it, or after, without the answer. */
const STEPS = ['material/', 'feed', 'keyrings/'].flatMap((entry) => [
  { entry, landed: false, late: false },
  { entry, landed: true, late: false },
  { entry, landed: false, late: true },
]);

/** A keyring whose slot is due, in a Vault, and a replica that runs and has read it. */
async function running(t: Test) {
  const { vault, address } = await startVaultDouble(t);
  const prefix = freshPrefix();
  const auth = { method: 'token', token: new Secret(vault.rootToken) } as const;
  const replica = async () => {
    const { store } = await openTestVault(t, { address, mount: 'secret', prefix, auth });
    const outcomes: SweepOutcome[] = [];
    const copies = new Copies({ store, feed: store, clock: systemClock });
    const deps = { store, clock: systemClock, random: storeRandom, copies, dueIndex: store };
    return { store, copies, outcomes, sweep: new Sweep(deps, (outcome) => outcomes.push(outcome)) };
  };
  const survivor = await replica();
  const past = keyring('web', systemClock.now() - 40 * DAY, POLICY);
  for (const { version, nonce } of past.versions) await survivor.store.putMaterial({ keyring: named('web'), version, nonce }, material());
  await createIn(survivor.store, { ...past, nextRotationAt: systemClock.now() - DAY });
  await survivor.copies.validate();
  await survivor.copies.get(named('web'));
  const isStep = (entry: string) => (asked: Asked) => asked.method === 'POST' && asked.path.startsWith(`secret/data/${prefix}/${entry}`);
  return { vault, address, prefix, replica, survivor, isStep };
}

type Running = Awaited<ReturnType<typeof running>>;

/** However the writer ended: the slot was filled once, every key is there, no other is, and the other replica's copy is true. */
async function holdsOnce(t: Test, { survivor }: Running): Promise<void> {
  await survivor.sweep.run();
  await survivor.copies.validate();
  const { keyring: after, revision } = await loadFrom(survivor.store, 'web');
  t.equal(after.versions.length, 2, 'one new version');
  t.equal(after.versions.filter(({ slot }) => slot !== null).length, 1);
  t.equal(survivor.copies.peek(named('web'))?.revision, revision);
  await destroyOrphans(survivor.store, systemClock.now() + DAY, async () => undefined);
  const { items } = await survivor.store.pageMaterial(null, 10);
  t.same(new Set(items.map(({ ref }) => ref.nonce)), new Set(after.versions.map(({ nonce }) => nonce)), 'its keys and no others');
}

for (const { entry, landed, late } of STEPS) {
  const when = landed ? 'after it landed, before the answer' : late ? 'and it lands when the other is done' : 'before it landed';
  t.test(`a writer that ends at its write to ${entry}: ${when}`, async (t) => {
    const all = await running(t);
    const writer = await all.replica();
    const [reached, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let land = (): unknown => undefined;
    all.vault.intercept = (asked, apply) => {
      if (!all.isStep(entry)(asked)) return apply();
      all.vault.intercept = (_asked, next) => next();
      if (landed) apply();
      if (late) land = apply;
      reached.resolve();
      return held.promise.then(() => null);
    };
    const abandoned = writer.sweep.run();
    await reached.promise;
    await all.survivor.sweep.run();
    land();
    await holdsOnce(t, all);
    await writer.store.close();
    held.resolve();
    await abandoned.catch(() => undefined);
    await holdsOnce(t, all);
  });
}

for (const { entry, landed } of STEPS.filter(({ late }) => !late)) {
  t.test(`kill -9 of a writer ${landed ? 'after' : 'before'} its write to ${entry} landed`, async (t) => {
    const all = await running(t);
    const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
    all.vault.intercept = (asked, apply) => {
      if (!all.isStep(entry)(asked)) return apply();
      all.vault.intercept = (_asked, next) => next();
      if (landed) apply();
      reach();
      return new Promise(() => undefined);
    };
    const child = spawn(process.execPath, [join(import.meta.dirname, 'rotator.ts'), all.address, all.prefix], {
      env: { ...process.env, VAULT_DOUBLE_TOKEN: all.vault.rootToken },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    await reached;
    child.kill('SIGKILL');
    await once(child, 'exit');
    await holdsOnce(t, all);
  });
}
