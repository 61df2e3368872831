import { InvalidArgumentError } from 'commander';
import { NAME_PATTERN } from '../core/name.ts';

const NAME = new RegExp(NAME_PATTERN);

/** @throws InvalidArgumentError */
export function parseName(text: string): string {
  if (NAME.test(text)) return text;
  throw new InvalidArgumentError('A keyring name is 1 to 63 of a-z, 0-9, ".", "_" and "-", and begins with a letter or a digit.');
}

/** A positive whole number. @throws InvalidArgumentError */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Write a whole number from 1 on.');
}

/** For options that may be given several times. */
export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** The path of a keyring, or of something under it. */
export function keyringPath(name: string, rest = ''): string {
  return `/v1/keyrings/${encodeURIComponent(name)}${rest}`;
}

/** The public part of a token. A whole token is refused without being repeated: it would be in the shell's history already. */
export function parseTokenId(text: string): string {
  if (/^[0-9A-Za-z]{12}$/.test(text)) return text;
  throw new InvalidArgumentError('A token id is the 12 letters and digits that keyturn token list shows.');
}

/** An Idempotency-Key. @throws InvalidArgumentError */
export function parseRequestKey(text: string): string {
  if (/^[\x21-\x7e]{1,128}$/.test(text)) return text;
  throw new InvalidArgumentError('Write 1 to 128 printable characters without blanks.');
}

/** The name of an instance. @throws InvalidArgumentError */
export function parseInstance(text: string): string {
  if (/^[A-Za-z0-9._:@/-]{1,128}$/.test(text)) return text;
  throw new InvalidArgumentError('Write 1 to 128 letters, digits, ".", "_", ":", "@", "/" or "-".');
}
