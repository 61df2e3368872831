import { createHash } from 'node:crypto';
import type { Random } from '../../src/ports/random.ts';

/** The same bytes in the same order for the same seed; looks random, is not. */
export function seededRandom(seed = 'seed'): Random {
  let block = 0;
  let left = Buffer.alloc(0);
  return {
    bytes(count) {
      while (left.length < count) left = Buffer.concat([left, createHash('sha256').update(`${seed}:${block++}`).digest()]);
      const taken = Buffer.from(left.subarray(0, count));
      left = left.subarray(count);
      return taken;
    },
    description: { generator: 'seeded for tests', runtime: 'test', openssl: 'test' },
  };
}
