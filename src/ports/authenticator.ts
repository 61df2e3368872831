import type { KeyringName } from '../core/name.ts';
import type { PrincipalId } from '../core/version.ts';

/**
 * `app` reads keys; `operator` makes, changes, rotates and revokes; `auditor` reads history, fleet and audit log; `admin` issues and
 * revokes tokens. No role contains another; a token carries any set of them.
 */
export const ROLES = ['app', 'operator', 'auditor', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Who calls, once proven. */
export interface Principal {
  readonly id: PrincipalId;
  readonly name: string;
  readonly roles: ReadonlySet<Role>;
  /** Whether it may touch a keyring of this name, existing or not. */
  mayTouch(name: KeyringName): boolean;
  /** Whether it may touch every keyring that the glob could name. */
  covers(glob: string): boolean;
  /** Whether it may touch every keyring there is or will be: what concerns no keyring is for such principals. */
  readonly mayTouchAll: boolean;
}

/** What a request brings to prove who calls. More ways (a JWT, a client certificate) join here. */
export interface Credentials {
  /** The text after `Bearer ` in the Authorization header. */
  readonly bearer: string | null;
}

export interface Authenticator {
  /**
   * @throws KeyturnError `unauthenticated`, with one message for every reason that an attacker could learn from, and the reason in `cause`;
   * `store_unavailable` when it cannot be told
   */
  authenticate(credentials: Credentials): Principal | Promise<Principal>;
  /**
   * The principal where it is proven without any waiting; null says nothing but "ask `authenticate`", which then finds the reason. Left out:
   * as if it always said null.
   */
  recognise?(credentials: Credentials): Principal | null;
}
