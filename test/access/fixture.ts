import type { DeclaredToken } from '../../src/access/declared-token.ts';
import { TokenAuthenticator } from '../../src/access/token-authenticator.ts';
import { mintToken } from '../../src/access/token-format.ts';
import { TokenTable } from '../../src/access/token-table.ts';
import { Tokens } from '../../src/access/tokens.ts';
import { SCHEDULER } from '../../src/core/version.ts';
import type { TokenRecord } from '../../src/ports/tokens.ts';
import { ManualClock } from '../support/clock.ts';
import { seededRandom } from '../support/random.ts';
import { MemoryTokenStore } from './memory-token-store.ts';

/** The whole of access over a store in memory, at 2026-01-01T00:00:00Z. */
export function access(declared: readonly DeclaredToken[] = [], seed = 'access') {
  const clock = new ManualClock();
  const store = new MemoryTokenStore();
  const random = seededRandom(seed);
  const table = new TokenTable(declared, clock.now());
  const authenticator = new TokenAuthenticator({ table, store, clock });
  const tokens = new Tokens({ store, table, clock, random, learn: (record) => authenticator.learn(record) });
  return { clock, store, random, table, authenticator, tokens };
}

/** A token that the store may or may not be given. */
export function minted(seed: string, changes: Partial<TokenRecord> = {}): { text: string; record: TokenRecord } {
  const { id, hash, text } = mintToken(seededRandom(seed));
  const base = { name: seed, roles: ['app'] as const, keyrings: ['*'], createdAt: 0, createdBy: SCHEDULER };
  return { text: text.reveal(), record: { id, hash, ...base, expiresAt: null, revoked: null, lastUsedAt: null, ...changes } };
}
