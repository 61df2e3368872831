import { Writable } from 'node:stream';
import { inspect } from 'node:util';
import pino from 'pino';
import t, { type Test } from 'tap';
import { KeyturnError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { vaultHttp } from '../../../src/stores/vault/http.ts';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { openTestVault } from '../../support/vault.ts';
import { type Asked, startVaultDouble } from '../../support/vault-double/double.ts';
import { createIn, keyring, loadFrom, MATERIAL_TEXT, material, named, ref, rotated } from '../keyrings.ts';

const is =
  (part: string, method = 'POST') =>
  (asked: Asked) =>
    asked.method === method && asked.path.includes(`/${part}`);
const answer = (status: number, headers = {}) => ({ status, headers, body: { errors: ['a test'] } });

async function opened(t: Test, timeout = 10_000) {
  const { vault, address, standbyAddress } = await startVaultDouble(t);
  const proxy = await startFaultProxy(t, { host: '127.0.0.1', port: Number(new URL(address).port) });
  const at = { mount: 'secret', prefix: 'keyturn', auth: { method: 'token', token: new Secret(vault.rootToken) } } as const;
  const { store, tokens } = await openTestVault(t, { ...at, address: `http://127.0.0.1:${proxy.port}`, timeout });
  /** Answers the next so many requests of a kind itself; counts all of that kind. */
  const fail = (kind: (asked: Asked) => boolean, times: number, status: number, headers = {}) => {
    const seen = { count: 0 };
    vault.intercept = (asked, apply) => (kind(asked) && ++seen.count <= times ? answer(status, headers) : apply());
    return seen;
  };
  return { vault, store, tokens, proxy, fail, at, standbyAddress };
}

/** Everything that a failure shows to a log. */
function logged(error: unknown): string {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  pino({}, stream).error({ err: error }, 'failed');
  return text + inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error, Object.getOwnPropertyNames(error));
}

t.test('what Vault cannot do now is asked again, a few times and not before Vault wants it', async (t) => {
  const { store, fail } = await opened(t);
  for (const status of [429, 503, 412]) {
    const seen = fail(is('data/', 'GET'), 2, status);
    t.equal(await store.load(named('web')), undefined, String(status));
    t.equal(seen.count, 3);
  }
  fail(is('data/', 'GET'), 1, 429, { 'retry-after': '1' });
  const begun = performance.now();
  await store.load(named('web'));
  t.ok(performance.now() - begun >= 990, 'it waited as long as it was told to');
  const seen = fail(is('data/', 'GET'), 99, 503);
  await t.rejects(store.load(named('web')), { code: 'store_unavailable', message: /sealed/ });
  t.equal(seen.count, 4);
  fail(is('data/', 'GET'), 99, 429, { 'retry-after': '120' });
  await t.rejects(store.load(named('web')), { code: 'store_unavailable', retryAfterSeconds: 120 });
});

t.test('a swap whose fate is unknown is not sent again; a read and a put of a key are', async (t) => {
  const { store, fail } = await opened(t);
  const revision = await createIn(store, keyring('web'));
  for (const status of [500, 502, 504]) {
    const swaps = fail(is('data/keyturn/keyrings'), 99, status);
    await t.rejects(store.swap(rotated(keyring('web')), revision), { code: 'store_unavailable' });
    t.equal(swaps.count, 1, `swap, ${status}`);
    const puts = fail(is('data/keyturn/material'), 1, status);
    await store.putMaterial(ref('web'), material());
    t.equal(puts.count, 2, `put, ${status}`);
  }
});

t.test('a put whose first answer was lost is known again by its bytes', async (t) => {
  const { vault, store } = await opened(t);
  let cut = 0;
  vault.intercept = (asked, apply) => {
    const done = apply();
    return is('data/keyturn/material')(asked) && cut++ === 0 ? null : done;
  };
  const entry = ref('web');
  await store.putMaterial(entry, material());
  t.equal(cut, 2);
  await t.rejects(store.putMaterial(entry, new Secret('x'.repeat(64))), { code: 'material_exists' });
});

t.test('sealed is an outage that ends by itself', async (t) => {
  const { vault, store } = await opened(t, 2_000);
  await createIn(store, keyring('web'));
  vault.sealed = true;
  await t.rejects(store.load(named('web')), { code: 'store_unavailable', message: /Unseal it/ });
  await t.rejects(store.check(), { code: 'store_unavailable' });
  vault.sealed = false;
  t.ok(await store.load(named('web')));
});

t.test('cut, frozen and reset connections are outages, and the store comes back', async (t) => {
  const { store, proxy } = await opened(t, 400);
  await createIn(store, keyring('web'));
  const wrongs: [string, () => void][] = [
    ['cut', () => proxy.cut()],
    ['frozen', () => proxy.freeze()],
  ];
  for (const [what, wrong] of wrongs) {
    wrong();
    await t.rejects(store.load(named('web')), { code: 'store_unavailable' }, what);
    await t.rejects(store.putMaterial(ref('web'), material()), { code: 'store_unavailable' }, what);
    proxy.open();
    t.ok(await store.load(named('web')), `${what}, and open again`);
  }
  proxy.reset();
  t.ok(await store.load(named('web')), 'a connection that was reset is replaced without a word');
});

t.test('a caller who gives up is free at once, whatever Vault does with it later', async (t) => {
  const { vault, store } = await opened(t);
  await createIn(store, keyring('web'));
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  vault.intercept = async (_asked, apply) => {
    await held;
    return apply();
  };
  const caller = new AbortController();
  const call = store.load(named('web'), { signal: caller.signal });
  caller.abort();
  await t.rejects(call, { code: 'store_unavailable' });
  release();
  t.ok(await store.load(named('web')), 'the late answer disturbed nothing');
});

t.test('neither token nor key nor document reaches a log, an error or its causes, whatever goes wrong', async (t) => {
  const { vault, store, proxy, fail } = await opened(t, 300);
  const failures: unknown[] = [];
  const put = () => store.putMaterial(ref('web'), new Secret(MATERIAL_TEXT)).catch((error: unknown) => failures.push(error));
  for (const status of [400, 403, 404, 405, 413, 418, 429, 500, 503, 507]) {
    fail(is('data/keyturn/material'), 99, status);
    await put();
  }
  vault.intercept = (asked) => ({ status: 400, body: { errors: [JSON.stringify(asked)] } });
  await put();
  vault.intercept = () => null;
  await put();
  for (const wrong of [() => proxy.cut(), () => proxy.freeze()]) {
    wrong();
    await put();
    proxy.open();
  }
  t.equal(failures.length, 14);
  for (const failure of failures) {
    t.ok(failure instanceof KeyturnError, inspect(failure));
    const text = logged(failure);
    for (const secret of [vault.rootToken, MATERIAL_TEXT, 'X-Vault-Token', 'AxiosError']) t.notOk(text.includes(secret), secret);
  }
});

t.test('neither does what went wrong below: node-vault has nothing to tell', async (t) => {
  const http = await vaultHttp({ address: 'http://127.0.0.1:9', namespace: null, caFile: null });
  const body = { data: { material: MATERIAL_TEXT } };
  const failure = await http
    .ask({ method: 'POST', path: 'secret/data/x', body, token: 'hvs.a-token', signal: AbortSignal.timeout(5_000) })
    .catch((error: unknown) => error);
  t.match(failure, { name: 'NoAnswer', code: /^E[A-Z]+$/ });
  t.notMatch(logged(failure), new RegExp(`hvs|${MATERIAL_TEXT}`));
});

t.test('the environment of the process decides nothing', async (t) => {
  const { vault, at, store: _ } = await opened(t);
  const before = { ...process.env };
  t.teardown(() => {
    process.env = before;
  });
  Object.assign(process.env, { VAULT_ADDR: 'http://127.0.0.1:9', VAULT_TOKEN: 'wrong', VAULT_NAMESPACE: 'wrong', VAULT_PREFIX: '/wrong' });
  await openTestVault(t, { ...at, address: vault.address });
  t.match(vault.asked.at(-1), { token: vault.rootToken, namespace: '' });
});

t.test('a mount that is missing, keeps no versions or forgets is refused at the start', async (t) => {
  const { vault, at } = await opened(t);
  const start = (mount: string) => openTestVault(t, { ...at, mount, address: vault.address });
  await t.rejects(start('nowhere'), { code: 'store_unavailable', message: /Is the KV engine mounted there/ });
  vault.mount('forgets').deleteVersionAfter = 3_600;
  await t.rejects(start('forgets'), { message: /delete_version_after to 0s/ });
  vault.intercept = (asked, apply) =>
    asked.path.startsWith('plain/') ? { status: asked.method === 'GET' ? 404 : 204, body: { errors: [] } } : apply();
  await t.rejects(start('plain'), { message: /not KV version 2/ });
});

t.test('a redirect to plain text or in a circle is not followed', async (t) => {
  const { vault, store } = await opened(t);
  for (const location of ['ftp://127.0.0.1/v1/x', 'https://127.0.0.1:9/v1/x', '/v1/secret/data/keyturn/checked']) {
    const from = vault.asked.length;
    vault.intercept = () => ({ status: 307, headers: { location } });
    await t.rejects(store.putMaterial(ref('web'), material()), { code: 'store_unavailable', message: /standby/ });
    t.ok(vault.asked.length - from <= 12, 'and is given up soon');
  }
});

t.test('what a replica has seen is never taken back by a standby that lags', async (t) => {
  const { vault, at, standbyAddress } = await opened(t);
  const { store } = await openTestVault(t, { ...at, address: standbyAddress });
  const absent = vault.engine().snapshot();
  const revision = await createIn(store, keyring('web'));
  const first = vault.engine().snapshot();
  vault.stale = absent;
  setTimeout(() => {
    vault.stale = null;
  }, 120);
  t.equal((await loadFrom(store, 'web')).revision, revision, 'waited until the standby had caught up');
  t.same((await store.page(null, 10)).items, ['web']);

  const { store: active } = await openTestVault(t, { ...at, address: vault.address });
  const swapped = await active.swap(rotated((await loadFrom(active, 'web')).keyring), revision);
  vault.stale = first;
  setTimeout(() => {
    vault.stale = null;
  }, 120);
  t.equal(await store.swap(rotated(keyring('web')), revision), null, 'lost');
  t.equal((await loadFrom(store, 'web')).revision, swapped, 'and read again, what came after is there');

  vault.stale = absent;
  await t.rejects(store.load(named('web')), { code: 'store_unavailable', message: /a standby lags behind/ });
});
