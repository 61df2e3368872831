import type { Keyring } from './keyring.ts';

/** What adapters need of a keyring. */
export type KeySource = Pick<Keyring, 'snapshot' | 'onChange' | 'refreshUnlessFresh'>;

/**
 * One array of key texts that stays the same array and is changed in place, in one step: the signing key first. For libraries that keep the
 * array they were given and read it each time. It is empty once the lease has ended: then nothing verifies, and signing fails.
 * @throws KeyturnError as `snapshot`
 */
export function secretsOf(keys: KeySource): string[] {
  const secrets = keys.snapshot().signingFirst.map(({ key }) => key);
  keys.onChange((snapshot) => {
    secrets.splice(0, secrets.length, ...(snapshot?.signingFirst ?? []).map(({ key }) => key));
  });
  return secrets;
}
