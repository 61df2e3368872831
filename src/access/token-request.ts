import { type Fault, KeyturnError } from '../core/errors.ts';
import { ROLES, type Role } from '../ports/authenticator.ts';
import { isGlob, MAX_GLOB_LENGTH, MAX_GLOBS } from './glob.ts';

export const MAX_TOKEN_NAME_LENGTH = 100;
/** Inclusive bounds of an expiry, in seconds: one minute to ten years. */
export const EXPIRY_BOUNDS = [60, 10 * 366 * 86_400] as const;

/** What somebody asks of a new token. */
export interface TokenRequest {
  /** 1 to 100 printable characters, for people. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Globs over keyring names. Default `['*']`. */
  readonly keyrings?: readonly string[];
  /** Default null: never. */
  readonly expiresInSeconds?: number | null;
}

/** @throws KeyturnError `invalid_request` with every fault */
export function checkTokenRequest(request: TokenRequest): void {
  const faults = [
    ...nameFaults(request.name),
    ...roleFaults(request.roles),
    ...globFaults(request.keyrings ?? ['*']),
    ...expiryFaults(request),
  ];
  if (faults.length > 0) throw new KeyturnError('invalid_request', 'The token cannot be issued: correct the named fields.', { faults });
}

export function nameFaults(name: string): Fault[] {
  if (name.length <= MAX_TOKEN_NAME_LENGTH && /^[^\p{C}\s](?:[^\p{C}]*[^\p{C}\s])?$/u.test(name)) return [];
  return [{ path: '/name', message: `must be 1 to ${MAX_TOKEN_NAME_LENGTH} printable characters without blanks at its ends` }];
}

export function roleFaults(roles: readonly string[]): Fault[] {
  const known = roles.every((role) => ROLES.some((one) => one === role));
  if (roles.length > 0 && known && new Set(roles).size === roles.length) return [];
  return [{ path: '/roles', message: `must list at least one of ${ROLES.join(', ')}, each once` }];
}

export function globFaults(globs: readonly string[]): Fault[] {
  if (globs.length === 0 || globs.length > MAX_GLOBS) return [{ path: '/keyrings', message: `must list 1 to ${MAX_GLOBS} globs` }];
  const message = `must be 1 to ${MAX_GLOB_LENGTH} characters of a keyring name, * (any run) and ? (one character)`;
  return globs.flatMap((glob, index) => (isGlob(glob) ? [] : [{ path: `/keyrings/${index}`, message }]));
}

function expiryFaults({ expiresInSeconds }: TokenRequest): Fault[] {
  const [min, max] = EXPIRY_BOUNDS;
  const seconds = expiresInSeconds ?? null;
  if (seconds === null || (Number.isInteger(seconds) && seconds >= min && seconds <= max)) return [];
  return [{ path: '/expiresInSeconds', message: `must be a whole number from ${min} to ${max}, or null for a token that does not expire` }];
}
