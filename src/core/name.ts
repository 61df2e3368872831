import type { Branded } from './brand.ts';
import { KeyturnError } from './errors.ts';

/** A keyring's name: `[a-z0-9][a-z0-9._-]{0,62}`. The alphabet is what every store takes in a path without escaping. */
export type KeyringName = Branded<'KeyringName'>;

export const NAME_PATTERN = '^[a-z0-9][a-z0-9._-]{0,62}$';
const NAME = new RegExp(NAME_PATTERN);

export function isKeyringName(text: string): text is KeyringName {
  return NAME.test(text);
}

/** @throws KeyturnError `invalid_request` */
export function parseKeyringName(text: string): KeyringName {
  if (isKeyringName(text)) return text;
  throw new KeyturnError(
    'invalid_request',
    'A keyring name is 1 to 63 characters of a-z, 0-9, dot, underscore and hyphen, and begins with a letter or a digit.',
  );
}
