import { randomBytes } from 'node:crypto';
import type { Policy } from './policy.ts';

interface Token {
  readonly policies: readonly Policy[];
  readonly namespace: string;
  /** Milliseconds; 0 = for ever. */
  readonly ttl: number;
  readonly maxTtl: number;
  readonly createdAt: number;
  expiresAt: number;
}

/** How long the tokens of a login live, in seconds. `maxTtl` is where renewals end. */
export interface TokenLife {
  readonly ttl: number;
  readonly maxTtl: number;
}

/** Tokens with a life, as `auth/token` keeps them. */
export class TokenTable {
  readonly #tokens = new Map<string, Token>();
  readonly #now: () => number;
  /** While false, renewing is refused, as after a policy was changed. */
  renewing = true;

  constructor(now: () => number) {
    this.#now = now;
  }

  issue(policies: readonly Policy[], { ttl, maxTtl }: TokenLife = { ttl: 0, maxTtl: 0 }, namespace = ''): string {
    const text = `hvs.${randomBytes(18).toString('base64url')}`;
    const now = this.#now();
    this.#tokens.set(text, {
      policies,
      namespace,
      ttl: ttl * 1_000,
      maxTtl: maxTtl * 1_000,
      createdAt: now,
      expiresAt: ttl === 0 ? Number.POSITIVE_INFINITY : now + ttl * 1_000,
    });
    return text;
  }

  revoke(text: string): void {
    this.#tokens.delete(text);
  }

  get(text: string): Token | undefined {
    const token = this.#tokens.get(text);
    return token !== undefined && token.expiresAt > this.#now() ? token : undefined;
  }

  /** Seconds that are left after it; null = refused. */
  renew(text: string): number | null {
    const token = this.get(text);
    if (token === undefined || !this.renewing) return null;
    if (token.ttl > 0) token.expiresAt = Math.min(this.#now() + token.ttl, token.createdAt + token.maxTtl);
    return this.secondsLeft(text);
  }

  secondsLeft(text: string): number {
    const token = this.get(text);
    return token === undefined || token.ttl === 0 ? 0 : Math.floor((token.expiresAt - this.#now()) / 1_000);
  }
}
