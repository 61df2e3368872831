import type { Instant } from '../../core/time.ts';
import type { Paint } from '../ui.ts';
import type { TokenView } from '../wire.ts';
import { instant, instantFrom } from './instants.ts';
import { facts, table } from './table.ts';

export function tokensTable(paint: Paint, tokens: readonly TokenView[], now: Instant): string {
  return table(
    paint,
    ['ID', 'NAME', 'ROLES', 'KEYRINGS', 'STATE', 'LAST USED', 'FROM'],
    tokens.map((token) => [
      token.id,
      token.name,
      token.roles.join(' '),
      token.keyrings.join(' '),
      stateOf(token, now),
      token.lastUsedAt === null ? 'never' : instantFrom(token.lastUsedAt, now),
      token.origin === 'config' ? 'config file' : token.origin,
    ]),
  );
}

export function tokenFacts(paint: Paint, { id, name, roles, keyrings, expiresAt }: TokenView): string {
  return facts(paint, [
    ['id', id],
    ['name', name],
    ['roles', roles.join(' ')],
    ['keyrings', keyrings.join(' ')],
    ['good until', expiresAt === null ? 'it is revoked' : instant(expiresAt)],
  ]);
}

function stateOf({ revoked, expiresAt }: TokenView, now: Instant): string {
  if (revoked !== null) return `revoked ${instant(revoked.at)}`;
  if (expiresAt === null) return 'good';
  return Date.parse(expiresAt) <= now ? `expired ${instant(expiresAt)}` : `good until ${instant(expiresAt)}`;
}
