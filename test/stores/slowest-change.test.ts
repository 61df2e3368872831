import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { systemClock, systemTimers } from '../../src/clock.ts';
import { leastSkewOn, SLOWEST_CHANGE } from '../../src/core/review/least-skew.ts';
import { Secret } from '../../src/core/secret.ts';
import { type Millis, SECOND } from '../../src/core/time.ts';
import { WRITE_LIMIT } from '../../src/stores/aws/store.ts';
import { CALL_LIMIT as POSTGRES_CALL } from '../../src/stores/postgres/connections.ts';
import { VaultClient } from '../../src/stores/vault/client.ts';
import type { VaultHttp } from '../../src/stores/vault/http.ts';
import { CALL_LIMIT as VAULT_CALL } from '../../src/stores/vault/options.ts';
import { Session } from '../../src/stores/vault/session.ts';
import { openTestAws } from '../support/aws.ts';
import { AwsDouble } from '../support/aws-double/server.ts';
import { storeRandom } from '../support/sqlite.ts';
import { openTestVault } from '../support/vault.ts';
import { startVaultDouble } from '../support/vault-double/double.ts';
import { createIn, keyring, material, ref, rotated } from './keyrings.ts';

/** Of a test, in place of the seconds of a service. What a busy machine adds stays below as much again. */
const LIMIT: Millis = 1_500;
const never = new Promise<never>(() => undefined);

t.test('the skew that is asked for is twice the sum of the limits of a change, and the documentation says so', async (t) => {
  // one statement has key and document; the server goes on with it as long again
  t.equal(SLOWEST_CHANGE.postgres, POSTGRES_CALL + POSTGRES_CALL);
  // the key, then the document
  t.equal(SLOWEST_CHANGE.vault, 2 * VAULT_CALL);
  t.equal(SLOWEST_CHANGE.aws, 2 * WRITE_LIMIT);
  t.equal(SLOWEST_CHANGE.sqlite, 0);
  const page = readFileSync(join(import.meta.dirname, '../../docs/stores.md'), 'utf8');
  for (const [kind, slowest] of Object.entries(SLOWEST_CHANGE)) {
    const row = page.split('\n').find((line) => line.startsWith(`| ${kind} |`) && line.endsWith(` s |`));
    t.match(row, `| ${slowest / SECOND} s | ${leastSkewOn(kind)} s |`);
  }
});

async function failing(t: Test, write: Promise<unknown>): Promise<Millis> {
  const begun = performance.now();
  await t.rejects(write, { code: 'store_unavailable' });
  return performance.now() - begun;
}

t.test('in Vault the writes of a swap share one limit, and a login is none of its own', async (t) => {
  const { vault, address } = await startVaultDouble(t);
  const auth = { method: 'token', token: new Secret(vault.rootToken) } as const;
  const { store } = await openTestVault(t, { address, mount: 'secret', prefix: 'keyturn', auth, timeout: LIMIT });
  const revision = await createIn(store, keyring('web'));
  vault.intercept = async (asked, apply) => {
    if (asked.method !== 'POST') return apply();
    await (asked.path.endsWith('/feed') ? pause(LIMIT * 0.8) : never);
    return apply();
  };
  const took = await failing(t, store.swap(rotated(keyring('web')), revision));
  t.ok(took < LIMIT * 1.6, `${took} ms`);

  const http: VaultHttp = { ask: () => never, close: () => undefined };
  const deps = { http, where: 'vault', clock: systemClock, timers: systemTimers };
  const session = new Session({ ...deps, auth, timeout: 60 * SECOND });
  const client = new VaultClient({ ...deps, session, timeout: 50, random: storeRandom });
  await failing(t, client.ask({ method: 'GET', path: 'secret/data/x' }));
});

t.test('on AWS everything that a write does shares one limit', async (t) => {
  const double = await AwsDouble.start(t);
  const { store } = await openTestAws(t, double.endpoint, { limit: LIMIT, timers: systemTimers });
  const revision = await createIn(store, keyring('web'));
  for (const action of ['CreateSecret', 'PutSecretValue'] as const) double.delayNext(action, never);
  const put = await failing(t, store.putMaterial(ref('web'), material()));
  const swap = await failing(t, store.swap(rotated(keyring('web')), revision));
  for (const took of [put, swap]) t.ok(took < LIMIT * 1.6, `${took} ms`);
});
