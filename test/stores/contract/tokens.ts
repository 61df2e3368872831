import { createHash } from 'node:crypto';
import type { Test } from 'tap';
import { MINUTE } from '../../../src/core/time.ts';
import { type Act, SCHEDULER } from '../../../src/core/version.ts';
import type { TokenId, TokenRecord, TokenStore } from '../../../src/ports/tokens.ts';
import type { Promised } from '../conformance.ts';
import { T0 } from '../keyrings.ts';

export const id = (text: string) => text as TokenId;
export const act = (reason: string): Act => ({ at: T0 + 5, by: SCHEDULER, reason });

export function token(of: string, createdAt = T0): TokenRecord {
  return {
    id: id(of),
    name: `token ${of}`,
    hash: createHash('sha256').update(of).digest('hex'),
    roles: ['app', 'auditor'],
    keyrings: ['web', 'team-*'],
    createdAt,
    createdBy: SCHEDULER,
    expiresAt: T0 + 90 * MINUTE,
    revoked: null,
    lastUsedAt: null,
  };
}

export async function insert(tokens: TokenStore, ...records: TokenRecord[]): Promise<void> {
  for (const record of records) await tokens.insert(record);
}

/** For stores that keep tokens; the others are skipped. */
export function tokenContract(promised: Promised): void {
  const kept = (sentence: string, tried: (t: Test, tokens: TokenStore) => Promise<void>): void =>
    promised(sentence, async (t, { tokens }) => {
      if (tokens === null) return void t.pass('this store keeps no tokens', { skip: 'no tokens' });
      await tried(t, tokens);
    });

  kept('a token comes back as it was inserted', async (t, tokens) => {
    const records = [token('plain'), { ...token('bare'), expiresAt: null, roles: [], keyrings: [] }];
    records.push({ ...token('ended'), revoked: act('lost'), lastUsedAt: T0 + MINUTE });
    await insert(tokens, ...records);
    for (const record of records) t.same(await tokens.get(record.id), record);
    t.equal(await tokens.get(id('unknown')), undefined);
  });

  kept('an id is given once', async (t, tokens) => {
    await insert(tokens, token('a'));
    await t.rejects(tokens.insert({ ...token('a'), name: 'another' }), { code: 'conflict' });
    t.same(await tokens.get(id('a')), token('a'));
  });

  kept('tokens are listed newest first, then by id, page by page', async (t, tokens) => {
    await insert(tokens, token('b', T0), token('new', T0 + 1), token('a', T0), token('old', T0 - 1), token('c', T0));
    for (const limit of [1, 2, 4, 5, 6]) {
      const found: string[] = [];
      let after: TokenId | null = null;
      do {
        const page: Awaited<ReturnType<TokenStore['page']>> = await tokens.page(after, limit);
        t.ok(page.items.length <= limit);
        found.push(...page.items.map((item) => item.id));
        after = page.next;
      } while (after !== null);
      t.same(found, ['new', 'c', 'b', 'a', 'old'], `limit ${limit}`);
    }
    t.same(await tokens.page(id('old'), 5), { items: [], next: null });
    await t.rejects(tokens.page(id('unknown'), 5), { code: 'invalid_request' });
  });

  kept('the first revocation stays', async (t, tokens) => {
    await insert(tokens, token('a'), token('b'));
    t.same(await tokens.revoke(id('a'), act('first')), { ...token('a'), revoked: act('first') });
    t.same((await tokens.revoke(id('a'), act('second')))?.revoked, act('first'));
    t.same((await tokens.get(id('b')))?.revoked, null);
    t.equal(await tokens.revoke(id('unknown'), act('first')), undefined);
  });

  kept('use is noted for many at once and never moves back', async (t, tokens) => {
    await insert(tokens, token('a'), token('b'));
    const lastUse = async (of: string) => (await tokens.get(id(of)))?.lastUsedAt;
    await tokens.markUsed(
      new Map([
        [id('a'), T0 + MINUTE],
        [id('unknown'), T0],
        [id('b'), T0],
      ]),
    );
    t.same([await lastUse('a'), await lastUse('b')], [T0 + MINUTE, T0]);
    await tokens.markUsed(
      new Map([
        [id('a'), T0],
        [id('b'), T0 + 2 * MINUTE],
      ]),
    );
    t.same([await lastUse('a'), await lastUse('b')], [T0 + MINUTE, T0 + 2 * MINUTE]);
    await tokens.markUsed(new Map());
    t.equal(await tokens.get(id('unknown')), undefined);
  });
}
