import { randomBytes } from 'node:crypto';
import { systemClock, systemTimers } from '../../src/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import type { VaultOptions } from '../../src/stores/vault/options.ts';
import { openVault, type Vault } from '../../src/stores/vault/vault.ts';
import { storeRandom } from './sqlite.ts';
import { startVaultDouble } from './vault-double/double.ts';

/** What of a tap test this needs. */
interface Teardown {
  teardown(action: () => unknown): void;
}

export interface VaultServer extends Pick<VaultOptions, 'address' | 'mount'> {
  readonly auth: { readonly method: 'token'; readonly token: Secret };
}

/** The server that VAULT_ADDR and VAULT_TOKEN name (the KV engine at VAULT_MOUNT, else `secret`); the double where they name none. */
export async function testVault(t: Teardown): Promise<VaultServer> {
  const { VAULT_ADDR, VAULT_TOKEN, VAULT_MOUNT = 'secret' } = process.env;
  if (VAULT_ADDR && VAULT_TOKEN) {
    return { address: VAULT_ADDR, mount: VAULT_MOUNT, auth: { method: 'token', token: new Secret(VAULT_TOKEN) } };
  }
  const { vault, address } = await startVaultDouble(t);
  return { address, mount: 'secret', auth: { method: 'token', token: new Secret(vault.rootToken) } };
}

/** A path that nobody else uses. */
export const freshPrefix = (): string => `keyturn-test/${randomBytes(6).toString('hex')}`;

/** A replica, closed after the test. Open the same prefix again for another one. */
export async function openTestVault(
  t: Teardown,
  options: Partial<VaultOptions> & Pick<VaultOptions, 'address' | 'mount' | 'prefix' | 'auth'>,
): Promise<Vault> {
  const defaults = { namespace: null, caFile: null, clock: systemClock, timers: systemTimers, random: storeRandom };
  const vault = await openVault({ ...defaults, ...options });
  t.teardown(() => vault.close());
  return vault;
}

export interface RawAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Calls of Vault's own API, as its operator. */
export type Raw = (method: string, path: string, body?: object) => Promise<RawAnswer>;

export function rawCalls({ address, auth }: VaultServer): Raw {
  return async (method, path, body) => {
    const init = {
      method,
      headers: { 'X-Vault-Token': auth.token.reveal() },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    const response = await fetch(`${address}/v1/${path}`, init);
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };
}

/** A token that may do what a policy says and no more. */
export async function tokenUnder(server: VaultServer, policy: string): Promise<Secret> {
  const raw = rawCalls(server);
  const name = `test-${randomBytes(6).toString('hex')}`;
  await raw('POST', `sys/policies/acl/${name}`, { policy });
  const { body } = await raw('POST', 'auth/token/create', { policies: [name], no_default_policy: true, ttl: '600s' });
  const auth = typeof body === 'object' && body !== null && 'auth' in body ? body.auth : undefined;
  if (typeof auth !== 'object' || auth === null || !('client_token' in auth)) throw new Error('Vault issued no token');
  return new Secret(String(auth.client_token));
}
