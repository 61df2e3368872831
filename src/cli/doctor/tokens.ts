import type { TokenFacts } from '../../core/review/facts.ts';
import type { Instant } from '../../core/time.ts';
import type { Client } from '../client.ts';
import { itemsOf, listing } from '../pages.ts';
import type { Asking } from './asking.ts';
import { TokenOrigin } from './wire.ts';

const BOOTSTRAP = 'system:bootstrap';

/** The tokens that are good; null where the token may not see them. */
export async function askTokens(client: Client, asking: Asking, now: Instant): Promise<readonly TokenFacts[] | null> {
  const needs = 'a token with the role admin';
  const found = await asking.permitted('tokens', needs, () => listing(client, '/v1/tokens', { all: true }));
  if (found === null) return null;
  return itemsOf(TokenOrigin, found)
    .filter(({ revoked, expiresAt }) => revoked === null && (expiresAt === null || Date.parse(expiresAt) > now))
    .map(tokenFacts);
}

function tokenFacts({ id, name, roles, keyrings, createdAt, createdBy, expiresAt, lastUsedAt, origin }: TokenOrigin): TokenFacts {
  return {
    id,
    name,
    roles,
    keyrings,
    createdAt: Date.parse(createdAt),
    expiresAt: expiresAt === null ? null : Date.parse(expiresAt),
    lastUsedAt: lastUsedAt === null ? null : Date.parse(lastUsedAt),
    isBootstrap: createdBy.id === BOOTSTRAP,
    isDeclared: origin === 'config',
  };
}
