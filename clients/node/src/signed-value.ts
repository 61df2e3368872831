import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Key, Snapshot } from './snapshot.ts';

/** A value that a key of the keyring signed. */
export interface Opened {
  readonly value: string;
  readonly key: Key;
}

/** `value.signature` as cookie-signature and @fastify/cookie write it: base64 without padding. */
export function signValue(value: string, key: Key, algorithm = 'sha256'): string {
  return `${value}.${macOf(value, key, algorithm)}`;
}

/** Null where no key of the snapshot signed it. */
export function openValue(signed: string, snapshot: Snapshot, algorithm = 'sha256'): Opened | null {
  const dot = signed.lastIndexOf('.');
  if (dot < 0) return null;
  const value = signed.slice(0, dot);
  const given = signed.slice(dot + 1);
  const key = snapshot.signingFirst.find((candidate) => isEqual(given, macOf(value, candidate, algorithm)));
  return key === undefined ? null : { value, key };
}

/** In constant time for texts of one length. */
export function isEqual(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function macOf(value: string, { key }: Key, algorithm: string): string {
  return createHmac(algorithm, key).update(value).digest('base64').replace(/=+$/, '');
}
