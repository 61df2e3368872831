import { decodeKeyring } from '../core/codec.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Keyring } from '../core/keyring.ts';
import type { KeyringName } from '../core/name.ts';

/** The document that a store keeps under a name. @throws KeyturnError `corrupt_document` naming the keyring */
export function readDocument(name: KeyringName, document: string): Keyring {
  const keyring = named(name, () => decodeKeyring(document));
  if (keyring.name === name) return keyring;
  throw new KeyturnError('corrupt_document', `Keyring ${name} holds the document of another one. Restore it from a backup.`);
}

function named(name: KeyringName, decode: () => Keyring): Keyring {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof KeyturnError)) throw cause;
    throw new KeyturnError(cause.code, `Keyring ${name}: ${cause.message}`, { cause });
  }
}
