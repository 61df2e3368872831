import { randomBytes } from 'node:crypto';
import type { Random } from './ports/random.ts';

/** OpenSSL's generator as Node gives it, seeded by the operating system. */
export const systemRandom: Random = {
  bytes: (count) => randomBytes(count),
  description: {
    generator: 'node:crypto randomBytes',
    runtime: `node ${process.version}`,
    openssl: process.versions.openssl,
  },
};
