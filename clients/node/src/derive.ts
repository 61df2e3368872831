import { hkdfSync } from 'node:crypto';

/** Raw bytes for one purpose from a key's text: HKDF-SHA-256 without salt, the purpose as info. */
export function deriveKey(key: string, purpose: string, bytes = 32): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', purpose, bytes));
}
