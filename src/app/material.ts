import { KeyturnError } from '../core/errors.ts';
import type { KeyringName } from '../core/name.ts';
import type { Policy } from '../core/policy.ts';
import { Secret } from '../core/secret.ts';
import { isSound, MIN_KEY_BYTES, mayVerify, type Verdict } from '../core/strength.ts';
import type { Override, Provenance, Version } from '../core/version.ts';
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

/** A key that somebody else made, to sign with. @throws KeyturnError `weak_key` with every fault found */
export function importKey(material: Secret, verdict: Verdict): NewKey {
  if (!isSound(verdict)) throw weakKey(verdict);
  return { material, provenance: importedAs(verdict) };
}

/**
 * A key that somebody else made and that is in use today, to verify only.
 * @param override takes the risk of a weak one; null = nobody does
 * @throws KeyturnError `weak_key`, also under an override where the key would let anybody forge at once
 */
export function importToVerify(material: Secret, verdict: Verdict, override: Override | null): NewKey {
  if (isSound(verdict)) return { material, provenance: importedAs(verdict) };
  if (override === null || !mayVerify(verdict)) throw weakKey(verdict);
  return { material, provenance: { ...importedAs(verdict), overridden: override } };
}

function importedAs({ bytes, weaknesses, skipped }: Verdict): Extract<Provenance, { origin: 'imported' }> {
  const unchecked = skipped.includes('reuse') ? '; whether it is in use elsewhere was not checked' : '';
  const faults = weaknesses.map(({ message }) => message).join('; ');
  return {
    origin: 'imported',
    bytes: Math.max(1, bytes),
    judgement: faults === '' ? `no fault found; randomness cannot be proven${unchecked}` : `weak: ${faults}`,
  };
}

function weakKey(verdict: Verdict): KeyturnError {
  const messages = verdict.weaknesses.map(({ message }) => message);
  const help = mayVerify(verdict)
    ? 'Leave the key out and Keyturn generates one. If applications use this key today, import it to verify only, beside a fresh one: importAs "previous", acceptWeak true, and a reason.'
    : 'It cannot even verify for a while. Leave the key out and Keyturn generates one; what this key signed ends with it.';
  return new KeyturnError('weak_key', `This key may not sign: ${messages.join('; ')}. ${help}`, {
    faults: messages.map((message) => ({ path: '/key', message })),
  });
}

/** Where the material of a version is kept. */
export function materialRef(keyring: KeyringName, { version, nonce }: Pick<Version, 'version' | 'nonce'>): MaterialRef {
  return { keyring, version, nonce };
}
