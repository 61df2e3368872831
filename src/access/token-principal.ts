import type { KeyringName } from '../core/name.ts';
import type { PrincipalId } from '../core/version.ts';
import type { Principal, Role } from '../ports/authenticator.ts';
import type { TokenId, TokenRecord } from '../ports/tokens.ts';
import { globCovers, globMatches } from './glob.ts';

/** The principal behind a token. Made once for each token and shared by its requests. */
export class TokenPrincipal implements Principal {
  readonly id: PrincipalId;
  readonly name: string;
  readonly roles: ReadonlySet<Role>;
  readonly #globs: readonly string[];
  readonly mayTouchAll: boolean;

  constructor(record: TokenRecord) {
    this.id = principalIdOf(record.id);
    this.name = record.name;
    this.roles = new Set(record.roles);
    this.#globs = record.keyrings;
    this.mayTouchAll = record.keyrings.includes('*');
  }

  mayTouch(name: KeyringName): boolean {
    return this.mayTouchAll || this.#globs.some((glob) => globMatches(glob, name));
  }

  covers(glob: string): boolean {
    return this.#globs.some((own) => globCovers(own, glob));
  }
}

/** `token:<id>`, as it stands in histories. */
export function principalIdOf(id: TokenId): PrincipalId {
  return `token:${id}` as PrincipalId;
}
