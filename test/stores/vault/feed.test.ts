import t, { type Test } from 'tap';
import { Copies } from '../../../src/app/copies.ts';
import { systemClock } from '../../../src/clock.ts';
import { Secret } from '../../../src/core/secret.ts';
import { DAY } from '../../../src/core/time.ts';
import { freshPrefix, openTestVault } from '../../support/vault.ts';
import { type Asked, startVaultDouble } from '../../support/vault-double/double.ts';
import { createIn, dueOn, keyring, loadFrom, material, named, ref, rotated, T0 } from '../keyrings.ts';

/** A Vault, one replica that writes and one that reads. */
async function replicas(t: Test) {
  const { vault, address } = await startVaultDouble(t);
  const at = { address, mount: 'secret', prefix: freshPrefix(), auth: { method: 'token', token: new Secret(vault.rootToken) } } as const;
  const open = (timeout = 10_000) => openTestVault(t, { ...at, timeout });
  const [{ store: writer }, { store: reader }] = [await open(), await open()];
  return { vault, open, writer, reader };
}

const isDocument = ({ method, path }: Asked) => method === 'POST' && path.includes('/data/') && path.includes('/keyrings/');

t.test('a rotation costs three writes: the key, the intent and the swap', async (t) => {
  const { vault, writer } = await replicas(t);
  const revision = await createIn(writer, keyring('web'));
  const before = vault.writes().length;
  const { keyring: old } = await loadFrom(writer, 'web');
  await writer.putMaterial(ref('web', 2), material());
  t.type(await writer.swap(rotated(old), revision), 'string');
  const kinds = vault
    .writes()
    .slice(before)
    .map(({ path }) => path.split('/').slice(4).join('/'));
  t.match(kinds, [/^material\/web\/2-/, /^feed$/, /^keyrings\/web$/]);
  t.equal(kinds.length, 3);
});

t.test('intents of writers at the same time share writes', async (t) => {
  const { vault, writer } = await replicas(t);
  const names = Array.from({ length: 40 }, (_, index) => `k${index}`);
  for (const name of names) await createIn(writer, keyring(name));
  const before = vault.writes('/feed').length;
  const stored = await Promise.all(names.map((name) => loadFrom(writer, name)));
  await Promise.all(stored.map(({ keyring: old, revision }) => writer.swap(rotated(old), revision)));
  t.ok(vault.writes('/feed').length - before < 10, `${vault.writes('/feed').length - before} for 40 rotations`);
});

t.test('every entry demands cas, and every write sends it', async (t) => {
  const { vault, writer } = await replicas(t);
  await createIn(writer, keyring('web'));
  await writer.putMaterial(ref('web'), material());
  await writer.check();
  for (const { path, body } of vault.writes().filter(({ path }) => path.includes('/data/'))) {
    t.match(body, { options: { cas: Number } }, path);
  }
  for (const entry of ['keyrings/web', 'feed', 'checked']) {
    const path = vault.writes(`/${entry}`)[0]?.path.replace(/^secret\/[a-z]+\//, '') ?? '';
    t.match(vault.engine().handle('metadata', path, 'read', {}, 0), { body: { data: { cas_required: true } } }, entry);
    t.match(vault.engine().handle('data', path, 'write', { data: {} }, 0), { status: 400 }, `${entry} by other hands`);
  }
});

t.test('a writer that dies between intent and swap leaves a name that every answer names, until its next change', async (t) => {
  const { vault, writer, reader } = await replicas(t);
  const revision = await createIn(writer, keyring('web'));
  await loadFrom(reader, 'web');
  const { keyring: old } = await loadFrom(writer, 'web');
  vault.intercept = (asked, apply) => (isDocument(asked) ? null : apply());
  await t.rejects(writer.swap(rotated(old), revision), { code: 'store_unavailable' });
  vault.intercept = (_asked, apply) => apply();

  let { cursor } = await reader.changes(null);
  for (const asked of ['first', 'second', 'third']) {
    const answer = await reader.changes(cursor);
    t.same(answer.names, ['web'], asked);
    await loadFrom(reader, 'web');
    cursor = answer.cursor;
  }
  const third = await loadFrom(reader, 'web');
  t.equal(third.revision, revision, 'nothing happened to the document');
  t.type(await reader.swap(rotated(third.keyring), third.revision), 'string');
  t.same((await reader.changes(cursor)).names, ['web'], 'once more, as it did change');
  t.same((await reader.changes((await reader.changes(cursor)).cursor)).names, []);
});

t.test('a swap that lands long after its writer gave up is noticed by copies that were validated in between', async (t) => {
  const { vault, open, reader } = await replicas(t);
  const { store: writer } = await open(300);
  const revision = await createIn(writer, keyring('web'));
  const copies = new Copies({ store: reader, feed: reader, clock: systemClock });
  await copies.validate();
  await copies.get(named('web'));
  await copies.validate();

  let land = (): unknown => undefined;
  const { keyring: old } = await loadFrom(writer, 'web');
  vault.intercept = (asked, apply) => {
    if (!isDocument(asked)) return apply();
    return new Promise((resolve) => {
      land = () => resolve(apply());
    });
  };
  await t.rejects(writer.swap(rotated(old), revision), { code: 'store_unavailable' });
  vault.intercept = (_asked, apply) => apply();

  for (let validated = 0; validated < 5; validated++) await copies.validate();
  t.equal(copies.peek(named('web'))?.revision, revision);
  land();
  await copies.validate();
  t.equal(copies.peek(named('web'))?.keyring.versions.length, 2, 'the first validation after it landed knows');
  t.same((await loadFrom(reader, 'web')).keyring.versions.length, 2);
});

t.test('an answer that settled for one who asks is told to the other too', async (t) => {
  const { vault, writer, reader } = await replicas(t);
  const revision = await createIn(writer, keyring('web'));
  await loadFrom(reader, 'web');
  let landed = (): void => undefined;
  const landing = new Promise<void>((resolve) => {
    landed = resolve;
  });
  const { keyring: old } = await loadFrom(writer, 'web');
  vault.intercept = async (asked, apply) => {
    if (isDocument(asked)) await landing;
    return apply();
  };
  const swapping = writer.swap(rotated(old), revision);
  let { cursor, names } = await reader.changes((await reader.changes(null)).cursor);
  while (names.length === 0) ({ cursor, names } = await reader.changes(cursor));
  await loadFrom(reader, 'web');
  landed();
  await swapping;
  await loadFrom(reader, 'web');
  t.same((await reader.changes(cursor)).names, ['web'], 'though the new version was met after the answer that carried this cursor');
});

t.test('a cursor of another process, of another feed, or from too long ago makes the reader look at everything', async (t) => {
  const { vault, writer, reader } = await replicas(t);
  for (const name of ['a', 'b']) await createIn(writer, keyring(name));
  for (const name of ['a', 'b']) await loadFrom(reader, name);
  const foreign = await writer.changes(null);
  t.same((await reader.changes(foreign.cursor)).names, ['a', 'b']);
  const old = await reader.changes(null);
  const { keyring: web, revision } = await loadFrom(writer, 'a');
  t.same((await reader.changes(old.cursor)).names, [], 'nothing has changed');
  for (let turn = 0, at = revision; turn < 4; turn++) at = (await writer.swap(dueOn(web, T0 + turn), at)) ?? at;
  t.same((await reader.changes(old.cursor)).names, ['a'], 'one name, however often');
  const names = Array.from({ length: 520 }, (_, index) => `k${index}`);
  const own = await writer.changes(null);
  await Promise.all(names.map((name) => createIn(writer, keyring(name))));
  t.equal((await writer.changes(own.cursor)).names.length, 520, 'who heard of each as it happened has missed none');
  t.equal((await reader.changes(old.cursor)).names.length, 522, 'more than the feed remembers');
  t.ok(JSON.stringify(vault.writes('/feed').at(-1)?.body).length < 60_000, 'the feed stays small');
});

t.test('of two intents for one name the one that may still land stays, also when the other is announced later', async (t) => {
  const { vault, open, writer, reader } = await replicas(t);
  const { store: behind } = await open();
  const first = await createIn(writer, keyring('web'));
  const stale = await loadFrom(behind, 'web');
  const second = (await writer.swap(rotated(stale.keyring), first)) ?? first;
  await loadFrom(reader, 'web');
  vault.intercept = (asked, apply) => (isDocument(asked) ? null : apply());
  await t.rejects(writer.swap(rotated((await loadFrom(writer, 'web')).keyring), second), 'announced, and cut off');
  vault.intercept = (_asked, apply) => apply();
  t.equal(await behind.swap(rotated(stale.keyring), stale.revision), null, 'announced from an earlier version, and lost');
  const { cursor } = await reader.changes(null);
  t.same((await reader.changes(cursor)).names, ['web']);
});

t.test('the due index follows the feed: what another replica changed is due here', async (t) => {
  const { writer, reader } = await replicas(t);
  const revision = await createIn(writer, dueOn(keyring('web'), T0 + DAY));
  t.same(await reader.due(T0, null, 10), []);
  const { keyring: old } = await loadFrom(writer, 'web');
  await writer.swap(dueOn(old, T0), revision);
  t.same(await reader.due(T0, null, 10), [{ name: 'web', dueAt: T0 }]);
});
