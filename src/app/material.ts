import { KeyturnError } from '../core/errors.ts';
import type { KeyringName } from '../core/name.ts';
import type { Policy } from '../core/policy.ts';
import { Secret } from '../core/secret.ts';
import { entropyBearingBytes, keyFaults, MIN_KEY_BYTES } from '../core/strength.ts';
import type { Provenance, Version } from '../core/version.ts';
import type { Random } from '../ports/random.ts';
import type { MaterialRef } from '../ports/store.ts';

/** A key that no version holds yet. */
export interface NewKey {
  readonly material: Secret;
  readonly provenance: Provenance;
}

/** A key from the generator, as long and in the encoding that the policy asks for. */
export function generateKey(random: Random, { keyBytes, keyEncoding }: Policy): NewKey {
  if (keyBytes < MIN_KEY_BYTES) throw new KeyturnError('invalid_policy', `A key needs at least ${MIN_KEY_BYTES} bytes.`);
  return {
    material: new Secret(random.bytes(keyBytes).toString(keyEncoding)),
    provenance: { origin: 'generated', bytes: keyBytes, encoding: keyEncoding, ...random.description },
  };
}

/** @throws KeyturnError `weak_key` with every fault found */
export function importKey(material: Secret): NewKey {
  const text = material.reveal();
  const faults = keyFaults(text);
  if (faults.length > 0) {
    throw new KeyturnError('weak_key', `This key cannot be used: ${faults.join('; ')}. Leave the key out and Keyturn generates one.`, {
      faults: faults.map((message) => ({ path: '/key', message })),
    });
  }
  return {
    material,
    provenance: { origin: 'imported', bytes: entropyBearingBytes(text), judgement: 'no fault found; randomness cannot be proven' },
  };
}

/** Where the material of a version is kept. */
export function materialRef(keyring: KeyringName, { version, nonce }: Pick<Version, 'version' | 'nonce'>): MaterialRef {
  return { keyring, version, nonce };
}
