import type { Secret } from '../core/secret.ts';
import type { Reuse } from '../ports/judge.ts';
import type { FingerprintIndex, MaterialRef, Store } from '../ports/store.ts';

export interface ReuseDeps {
  readonly store: Pick<Store, 'load'>;
  readonly fingerprints: FingerprintIndex;
}

/**
 * What a key that is offered has been in this store, now or ever. The answer names no keyring: who asks need not be allowed to know of it.
 * @throws KeyturnError `store_unavailable` …
 */
export async function reuseOf({ store, fingerprints }: ReuseDeps, key: Secret): Promise<Reuse> {
  const found = await Promise.all((await fingerprints.find(key)).map((ref) => reuseAs(store, ref)));
  if (found.includes('revoked')) return 'revoked';
  return found.includes('used') ? 'used' : 'none';
}

/** An entry that no document refers to was left by a writer that crashed or lost its swap: its key was never used. */
async function reuseAs(store: Pick<Store, 'load'>, ref: MaterialRef): Promise<Reuse> {
  const stored = await store.load(ref.keyring);
  const version = stored?.keyring.versions.find(({ version, nonce }) => version === ref.version && nonce === ref.nonce);
  if (version === undefined) return 'none';
  return version.revoked === null ? 'used' : 'revoked';
}
