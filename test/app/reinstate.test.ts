import t from 'tap';
import { Copies } from '../../src/app/copies.ts';
import { type CreateDeps, createKeyring, deleteKeyring, getKeyring } from '../../src/app/keyrings.ts';
import { reinstateAll } from '../../src/app/reinstate.ts';
import { revokeVersion, rotateKeyring } from '../../src/app/rotations.ts';
import { Sweep } from '../../src/app/sweep.ts';
import { roleAt, rolesAt } from '../../src/core/roles.ts';
import { DAY } from '../../src/core/time.ts';
import { NO_TOMBSTONES } from '../../src/core/transitions/reinstate.ts';
import { SCHEDULER } from '../../src/core/version.ts';
import type { Reinstated } from '../../src/ports/at-machine.ts';
import { discardIn } from '../../src/stores/sqlite/discard.ts';
import { snapshotInto } from '../../src/stores/sqlite/snapshot.ts';
import type { Sqlite } from '../../src/stores/sqlite/sqlite.ts';
import { tombstonesIn } from '../../src/stores/sqlite/tombstones.ts';
import { named } from '../stores/keyrings.ts';
import { ManualClock } from '../support/clock.ts';
import { testJudge } from '../support/judge.ts';
import { openTestSqlite, storeRandom, temporaryFolder } from '../support/sqlite.ts';

type Tap = Parameters<typeof temporaryFolder>[0];

const web = named('web');
const asked = { by: SCHEDULER, reason: 'a test' };
const byHand = { ...asked, name: web, idempotencyKey: null };

function service(t: Tap, clock: ManualClock, dataDir = temporaryFolder(t)) {
  const sqlite = openTestSqlite(t, { dataDir, clock });
  const deps: CreateDeps = {
    judge: testJudge,
    store: sqlite.store,
    clock,
    random: storeRandom,
    copies: new Copies({ store: sqlite.store, feed: sqlite.store, clock }),
  };
  return { sqlite, deps, dataDir };
}

/** Opens a copy of everything as it is now, as a backup gives it back. */
async function backupOf(t: Tap, { database }: Sqlite, clock: ManualClock): Promise<Sqlite> {
  const folder = temporaryFolder(t);
  await snapshotInto(folder, database, { from: 'data-folder' });
  return openTestSqlite(t, { dataDir: folder, clock });
}

async function bringBack(deps: CreateDeps, { database }: Sqlite, backup: Sqlite, known = true): Promise<Reinstated[]> {
  const outcomes: Reinstated[] = [];
  const tombstonesOf = (name: typeof web) => (known ? tombstonesIn(database, name) : NO_TOMBSTONES);
  const request = { ...asked, backup: backup.store, tombstonesOf, discard: discardIn(database) };
  await reinstateAll(deps, request, (outcome) => outcomes.push(outcome));
  return outcomes;
}

async function made(t: Tap) {
  const clock = new ManualClock('2026-03-01T12:00:00.000Z');
  const here = service(t, clock);
  await createKeyring(here.deps, {}, { ...asked, name: web, policy: {}, key: null });
  return { clock, ...here, backup: await backupOf(t, here.sqlite, clock) };
}

const rolesOf = async ({ deps, clock }: { deps: CreateDeps; clock: ManualClock }) => {
  const { keyring } = await getKeyring(deps, web);
  return keyring.versions.map((version) => `${version.version} ${roleAt(keyring, version, clock.now())}`);
};

/** A number that no version of the three days after the backup can have had. */
const FAR = 1 + 100 + (3 * DAY) / 1_000;

t.test('an old backup revives nothing: what was revoked since stays revoked, its material stays destroyed', async (t) => {
  const world = await made(t);
  const [first] = (await getKeyring(world.deps, web)).keyring.versions;
  await rotateKeyring(world.deps, 'emergency', byHand);
  await new Sweep({ ...world.deps, dueIndex: world.sqlite.store }, () => undefined).run();
  t.same(await bringBack(world.deps, world.sqlite, world.backup), [{ name: 'web', outcome: 'kept', filled: [] }]);
  t.same(await rolesOf(world), ['1 revoked', '2 current']);
  t.equal(first && (await world.sqlite.store.getMaterial({ keyring: web, version: 1, nonce: first.nonce })), undefined);
});

t.test(
  'where the document is damaged, the one of the backup takes its place with a fresh key, and what was destroyed stays ended',
  async (t) => {
    const world = await made(t);
    await rotateKeyring(world.deps, 'emergency', byHand);
    await new Sweep({ ...world.deps, dueIndex: world.sqlite.store }, () => undefined).run();
    world.sqlite.database.exec("UPDATE keyrings SET document = '{' WHERE name = 'web'");
    t.same(await bringBack(world.deps, world.sqlite, world.backup), [{ name: 'web', outcome: 'reinstated', current: 3, ended: [1] }]);
    t.same(await rolesOf(world), ['1 revoked', '3 current'], 'number 2 is never given again');
  },
);

t.test(
  'in an empty store the old key goes on verifying and a fresh one signs, with a number far from any that may have been given',
  async (t) => {
    const world = await made(t);
    const there = service(t, world.clock);
    await world.clock.advance(3 * DAY);
    t.same(await bringBack(there.deps, there.sqlite, world.backup, false), [
      { name: 'web', outcome: 'reinstated', current: FAR, ended: [] },
    ]);
    t.same(await rolesOf({ deps: there.deps, clock: world.clock }), ['1 previous', `${FAR} current`]);
    const { keyring } = await getKeyring(there.deps, web);
    for (const version of keyring.versions)
      t.ok(await there.sqlite.store.getMaterial({ keyring: web, ...version }), `version ${version.version} has its material`);
    t.same(
      await bringBack(there.deps, there.sqlite, world.backup, false),
      [{ name: 'web', outcome: 'kept', filled: [] }],
      'a second run changes nothing',
    );
  },
);

t.test('a next version of the backup may have signed since: it verifies', async (t) => {
  const world = await made(t);
  await rotateKeyring(world.deps, 'scheduled', byHand);
  const backup = await backupOf(t, world.sqlite, world.clock);
  const there = service(t, world.clock);
  await bringBack(there.deps, there.sqlite, backup, false);
  const { keyring } = await getKeyring(there.deps, web);
  const roles = rolesAt(keyring, world.clock.now());
  t.same(
    roles?.previous.map(({ version }) => version),
    [2, 1],
  );
  t.equal(roles?.current.version, 102);
});

t.test('a revoked version of the backup is revoked in the new store too', async (t) => {
  const world = await made(t);
  await revokeVersion(world.deps, 1, byHand);
  const backup = await backupOf(t, world.sqlite, world.clock);
  const there = service(t, world.clock);
  await bringBack(there.deps, there.sqlite, backup, false);
  t.same(await rolesOf({ deps: there.deps, clock: world.clock }), ['1 revoked', '2 previous', '102 current']);
});

t.test('a keyring that was purged since is not brought back', async (t) => {
  const world = await made(t);
  await deleteKeyring(world.deps, web, 7, asked);
  await world.clock.advance(8 * DAY);
  await new Sweep({ ...world.deps, dueIndex: world.sqlite.store }, () => undefined).run();
  t.match(await bringBack(world.deps, world.sqlite, world.backup), [{ outcome: 'kept', filled: [] }]);
  t.same(await rolesOf(world), ['1 revoked']);
  world.sqlite.database.exec("UPDATE keyrings SET document = '{' WHERE name = 'web'");
  await bringBack(world.deps, world.sqlite, world.backup);
  t.same(await rolesOf(world), ['1 revoked', '2 current'], 'its name may live on, its key does not');
});

t.test('damaged material is replaced by that of the backup', async (t) => {
  const world = await made(t);
  const [version] = (await getKeyring(world.deps, web)).keyring.versions;
  const ref = { keyring: web, version: 1, nonce: version?.nonce ?? named('x') } as Parameters<typeof world.sqlite.store.getMaterial>[0];
  const before = (await world.sqlite.store.getMaterial(ref))?.reveal();
  world.sqlite.database.exec('UPDATE sealed SET bytes = randomblob(length(bytes))');
  await t.rejects(world.sqlite.store.getMaterial(ref), { code: 'corrupt_material' });
  t.same(await bringBack(world.deps, world.sqlite, world.backup), [{ name: 'web', outcome: 'kept', filled: [1] }]);
  t.equal((await world.sqlite.store.getMaterial(ref))?.reveal(), before);
});
