import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Granted, KeyReader } from '../app/read-keys.ts';
import { leaseOf, type Shown, shownIn, tagFor } from '../app/sessions.ts';
import { isKeyringName, type KeyringName } from '../core/name.ts';
import { SECOND } from '../core/time.ts';
import type { Authenticator, Principal } from '../ports/authenticator.ts';
import type { Clock } from '../ports/clock.ts';
import type { AuditEvent, Journal } from '../ports/journal.ts';
import type { InstanceId, LeaseGrant, SessionId } from '../ports/leases.ts';
import type { KeysAnswers } from './keys-answer.ts';

export interface LaneDeps {
  readonly reader: KeyReader;
  readonly authenticator: Authenticator;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly answers: KeysAnswers;
  readonly requestId: () => string;
  /** Draws one for a process that shows none. */
  readonly session: () => SessionId;
  readonly stopwatch: () => number;
  /** Whether the caller's address is to be read from a header: then only requests without that header are taken. */
  readonly trustsProxies: boolean;
  /** True while the service stops. */
  readonly draining: () => boolean;
  readonly answered: { readonly 200: Timing; readonly 304: Timing };
}

interface Timing {
  add(seconds: number): void;
}

const BEFORE = '/v1/keyrings/';
const AFTER = '/keys';
const BEARER = 'Bearer ';
const INSTANCE = /^[A-Za-z0-9._:@/-]{1,128}$/;

/** What a request asks: its texts, and what they say. */
interface Question {
  readonly url: string;
  readonly named: string | undefined;
  readonly held: string | undefined;
  readonly name: KeyringName;
  readonly instance: InstanceId | null;
  readonly shown: Shown | null;
}

/** A request that is served here: everything about it is known and nothing can be refused any more. */
interface Admitted {
  readonly principal: Principal;
  readonly question: Question;
  readonly granted: Granted;
  readonly unchanged: boolean;
}

/**
 * Answers the plain read of keys at once: a known token, a keyring at hand, and a request without anything unusual. Whatever else comes
 * (a refusal, a wait, a store to ask, a log that fails) is left to the route in routes/keys.ts, which gives byte for byte the same
 * answers; so every rule of the API is written there, and this is only the way past the framework, whose share in a read is most of it.
 */
export function keysLane(deps: LaneDeps): (request: IncomingMessage, response: ServerResponse, otherwise: () => void) => void {
  return (request, response, otherwise) => {
    const began = deps.stopwatch();
    const admitted = admit(deps, request);
    if (admitted === null) return void otherwise();
    const { event, lease } = eventOf(deps, request, admitted);
    deps.journal.append(event, lease, (failure) => {
      // The route tries once more and, failing too, knows what an outage of the log means.
      if (failure !== null) return void otherwise();
      send(deps, response, admitted, lease.session);
      deps.answered[admitted.unchanged ? 304 : 200].add((deps.stopwatch() - began) / SECOND);
    });
  };
}

function admit(deps: LaneDeps, request: IncomingMessage): Admitted | null {
  const { headers } = request;
  if (request.method !== 'GET' || isUnusual(deps, headers) || !deps.journal.healthy || deps.draining()) return null;
  const question = questionOf(request);
  if (question === null) return null;
  const principal = callerOf(deps.authenticator, headers.authorization);
  if (principal === null || !principal.roles.has('app') || !principal.mayTouch(question.name)) return null;
  const granted = deps.reader.peek(question.name);
  if (granted === null) return null;
  return { principal, question, granted, unchanged: question.shown?.etag === granted.keys.etag };
}

/** The last question of each connection: an instance asks the same again and again. */
const lastAsked = new WeakMap<Socket, Question>();

function questionOf({ url = '', headers, socket }: IncomingMessage): Question | null {
  const { 'keyturn-instance': named, 'if-none-match': held } = headers;
  if (Array.isArray(named)) return null;
  const last = lastAsked.get(socket);
  if (last !== undefined && last.url === url && last.named === named && last.held === held) return last;
  const name = nameIn(url);
  const instance = named === undefined ? null : named;
  const shown = held === undefined ? null : shownIn([held]);
  if (name === null || (instance !== null && !isInstanceId(instance)) || (held !== undefined && shown === null)) return null;
  const question = { url, named, held, name, instance, shown };
  lastAsked.set(socket, question);
  return question;
}

function isInstanceId(text: string): text is InstanceId {
  return INSTANCE.test(text);
}

/** `/v1/keyrings/{name}/keys` and nothing more: no query, no percent signs. */
function nameIn(url: string): KeyringName | null {
  if (!url.startsWith(BEFORE) || !url.endsWith(AFTER)) return null;
  const name = url.slice(BEFORE.length, -AFTER.length);
  return isKeyringName(name) ? name : null;
}

function isUnusual({ trustsProxies }: LaneDeps, headers: IncomingMessage['headers']): boolean {
  return (
    headers['content-length'] !== undefined ||
    headers['transfer-encoding'] !== undefined ||
    headers['accept-version'] !== undefined ||
    (trustsProxies && headers['x-forwarded-for'] !== undefined)
  );
}

function callerOf(authenticator: Authenticator, authorization: string | undefined): Principal | null {
  if (authenticator.recognise === undefined || !authorization?.startsWith(BEARER)) return null;
  return authenticator.recognise({ bearer: authorization.slice(BEARER.length) });
}

function eventOf(
  { clock, requestId, session }: LaneDeps,
  { socket }: IncomingMessage,
  { principal, question: { instance, shown }, granted, unchanged }: Admitted,
): { readonly event: AuditEvent; readonly lease: LeaseGrant } {
  const at = clock.now();
  const address = socket.remoteAddress ?? '';
  const lease = leaseOf(granted, { principal: principal.id, instance, address }, shown, session, at);
  const event: AuditEvent = {
    at,
    action: 'keys.read',
    outcome: unchanged ? 'unchanged' : 'done',
    code: null,
    principal,
    keyring: granted.keys.name,
    versions: granted.keys.versions,
    instance,
    address,
    requestId: requestId(),
    reason: null,
  };
  return { event, lease };
}

function send(
  { answers }: LaneDeps,
  response: ServerResponse,
  { granted, question: { shown }, unchanged }: Admitted,
  session: SessionId | null,
): void {
  const wire = answers.wireOf(granted);
  const tag = tagFor(granted.keys, unchanged && shown !== null ? shown.session : session);
  if (unchanged) response.writeHead(304, ['etag', tag, ...wire.unchanged]).end();
  else response.writeHead(200, ['etag', tag, ...wire.changed]).end(wire.body);
}
