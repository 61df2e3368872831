import { createHash } from 'node:crypto';

/** The namespace of our version ids: drawn once, never changed. */
const NAMESPACE = Buffer.from('6f1d8a52c3b94e07a5d2714e9c08b3f6', 'hex');

/**
 * The id that version `count` of a secret has, whoever writes it (UUIDv5 of the secret's name and the number). Two writers of one step ask for
 * the same id, and AWS gives it once: that is the compare-and-swap.
 */
export function versionIdOf(secret: string, count: number): string {
  const hash = createHash('sha1').update(NAMESPACE).update(`${secret}\n${count}`).digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
