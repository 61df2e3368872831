import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import { KeyturnError } from '../core/errors.ts';
import { isKeyringName, type KeyringName } from '../core/name.ts';
import type { Actor } from '../core/version.ts';
import type { Authenticator, Principal, Role } from '../ports/authenticator.ts';
import type { FailureLimit } from './limits.ts';

/** Who may call a route: anybody with one of these roles. On a path with a keyring's name, the token must cover that name too. */
export type Access = readonly [Role, ...Role[]];

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    principal: Principal | null;
  }
}

const BEARER = /^Bearer ([\x21-\x7e]{1,512})$/i;

/**
 * Authenticates and authorises every request of this scope before anything else of it is read. A route without `config.access` or
 * `config.audit` cannot be registered: nothing is open or unrecorded by oversight.
 */
export function guard(scope: FastifyInstance, authenticator: Authenticator, limit: Pick<FailureLimit, 'beforehand'>): void {
  scope.addHook('onRoute', ({ config, method, url }) => {
    if (config?.access === undefined) throw new Error(`Route ${method} ${url} does not say who may call it.`);
    if (config.audit === undefined) throw new Error(`Route ${method} ${url} does not say what the audit log calls it.`);
  });
  scope.addHook('onRequest', (request, _reply, done) => authenticate(authenticator, limit, request, done));
}

function authenticate(
  authenticator: Authenticator,
  limit: Pick<FailureLimit, 'beforehand'>,
  request: FastifyRequest,
  done: HookHandlerDoneFunction,
): void {
  const admit = (principal: Principal): void => {
    request.principal = principal;
    done(refusal(request, principal));
  };
  try {
    const principal = callerOf(request, authenticator, limit);
    // Synchronous where the authenticator is: a promise for each read would cost more than the rest of the check.
    if (principal instanceof Promise) principal.then(admit).catch(done);
    else admit(principal);
  } catch (error) {
    done(error instanceof Error ? error : new Error('Authentication failed', { cause: error }));
  }
}

/**
 * Whose token it is. An address that failed too often is refused before anything is looked up, unless its token is at hand.
 * @throws KeyturnError `unauthenticated`, `rate_limited`, or what keeps tokens from being looked up
 */
export function callerOf(
  request: FastifyRequest,
  authenticator: Authenticator,
  limit: Pick<FailureLimit, 'beforehand'>,
): Principal | Promise<Principal> {
  const bearer = bearerOf(request);
  const tooMany = limit.beforehand(request);
  if (tooMany !== null && (authenticator.recognise?.({ bearer }) ?? null) === null) throw tooMany;
  return authenticator.authenticate({ bearer });
}

/** Decided on the name alone, before anybody looks whether it exists: a refusal tells nothing. */
function refusal(request: FastifyRequest, principal: Principal): KeyturnError | undefined {
  const access = request.routeOptions.config.access ?? [];
  if (!access.some((role) => principal.roles.has(role))) {
    return new KeyturnError('forbidden', `This needs a token with the role ${access.join(' or ')}.`);
  }
  const name = nameOf(request);
  if (name === null || !isKeyringName(name) || principal.mayTouch(name)) return undefined;
  return notCovered();
}

function nameOf({ params }: FastifyRequest): string | null {
  if (typeof params !== 'object' || params === null || !('name' in params)) return null;
  return typeof params.name === 'string' ? params.name : null;
}

export function bearerOf(request: FastifyRequest): string | null {
  return BEARER.exec(request.headers.authorization ?? '')?.[1] ?? null;
}

/** The caller of a guarded route. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal !== null) return request.principal;
  throw new KeyturnError('unauthenticated', 'Send a token: Authorization: Bearer …');
}

export function challenge(reply: FastifyReply): void {
  reply.header('WWW-Authenticate', 'Bearer realm="keyturn"');
}

/** The caller as it stands in a document. */
export function actorOf(request: FastifyRequest): Actor {
  const { id, name } = principalOf(request);
  return { id, name };
}

/** For a name that comes in the body. @throws KeyturnError `forbidden` */
export function requireCovered(request: FastifyRequest, name: KeyringName): void {
  if (!principalOf(request).mayTouch(name)) throw notCovered();
}

function notCovered(): KeyturnError {
  return new KeyturnError('forbidden', 'This token does not cover a keyring of this name.');
}
