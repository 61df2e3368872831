import { createHash } from 'node:crypto';

/** SHA-256 over parts, each with its length in front so that no two lists of parts collide; lower-case hex. */
export function digest(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest('hex');
}
