import { Readable } from 'node:stream';
import type { DoneFuncWithErrOrRes, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { KeyturnError } from '../../core/errors.ts';
import { isKeyringName, type KeyringName } from '../../core/name.ts';
import type { Clock } from '../../ports/clock.ts';
import type { AuditAction, AuditEvent, AuditOutcome, Journal } from '../../ports/journal.ts';
import type { InstanceId } from '../../ports/leases.ts';
import { addressOf } from '../address.ts';
import { problemOf } from '../problem.ts';
import type { Notes } from './notes.ts';
import type { Refusals } from './refusals.ts';

export interface Recording {
  readonly journal: Journal;
  readonly clock: Pick<Clock, 'now'>;
  readonly refusals: Refusals;
  /** What becomes of reads while the log cannot be written. */
  readonly onOutage: 'refuse' | 'serve-reads';
}

const NO_NOTES: Notes = {};
const INSTANCE = /^[A-Za-z0-9._:@/-]{1,128}$/;
/** What an answer that is taken back must not carry. */
const GRANTS = ['etag', 'keyturn-lease', 'keyturn-refresh', 'location', 'link'];

/**
 * Holds every answer of a route with `config.audit`, and of paths that do not exist, until its record is durable; and lets no change begin
 * that could not be recorded.
 */
export function recordRequests(app: FastifyInstance, recording: Recording): void {
  app.decorateRequest('notes', null);
  app.addHook('preHandler', (request, _reply, done) => {
    if (recording.journal.healthy || isReading(request)) done();
    else recording.journal.probe((failure) => done(failure ?? undefined));
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    const action = actionOf(request);
    if (action === null) done();
    else hold(recording, eventOf(recording, action, request, reply), request, reply, done as DoneFuncWithErrOrRes, payload);
  });
}

function isReading({ method, routeOptions }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD' || routeOptions.config.audit === undefined;
}

function actionOf({ routeOptions, is404 }: FastifyRequest): AuditAction | null {
  return is404 ? 'request.refuse' : (routeOptions.config.audit ?? null);
}

function hold(
  recording: Recording,
  event: AuditEvent,
  request: FastifyRequest,
  reply: FastifyReply,
  done: DoneFuncWithErrOrRes,
  payload: unknown,
): void {
  const { journal, refusals, onOutage } = recording;
  const { lease = null, change } = request.notes ?? NO_NOTES;
  const { code, address } = event;
  if (event.outcome === 'refused' && code !== null && !refusals.admit(code, event.principal !== null, address ?? '', event.at)) {
    return void done(null, payload);
  }
  const ended = (failure: Error | null): void => {
    if (failure === null) return void done(null, payload);
    // a refusal shows nothing and did nothing: it stays what it is
    const isAnswer = event.outcome === 'done' || event.outcome === 'unchanged';
    if (!isAnswer || (change === undefined && onOutage === 'serve-reads' && isReading(request))) {
      journal.passOver(event);
      return void done(null, payload);
    }
    if (payload instanceof Readable) payload.destroy();
    done(null, takenBack(reply, request.id, change === undefined ? failure : inForce(failure)));
  };
  if (change === undefined) journal.append(event, lease, ended);
  else journal.appendChange(event, change.at, ended);
}

/** The record of a request, with what is noted of it so far. */
export function eventOf(
  { clock }: Pick<Recording, 'clock'>,
  action: AuditAction,
  request: FastifyRequest,
  reply: FastifyReply,
): AuditEvent {
  const notes = request.notes ?? NO_NOTES;
  const { principal } = request;
  return {
    at: clock.now(),
    action,
    outcome: outcomeOf(reply.statusCode),
    code: notes.code ?? null,
    principal: principal === null ? null : { id: principal.id, name: principal.name },
    keyring: notes.keyring ?? nameIn(request),
    versions: notes.versions ?? [],
    instance: instanceOf(request),
    address: addressOf(request),
    requestId: request.id,
    reason: notes.reason ?? null,
  };
}

function outcomeOf(status: number): AuditOutcome {
  if (status === 304) return 'unchanged';
  if (status < 400) return 'done';
  return status < 500 ? 'refused' : 'failed';
}

function nameIn({ params }: FastifyRequest): KeyringName | null {
  if (typeof params !== 'object' || params === null || !('name' in params) || typeof params.name !== 'string') return null;
  return isKeyringName(params.name) ? params.name : null;
}

/** As it names itself; a name that is none is not repeated. */
export function instanceOf({ headers }: Pick<FastifyRequest, 'headers'>): InstanceId | null {
  const named = headers['keyturn-instance'];
  return typeof named === 'string' && INSTANCE.test(named) ? (named as InstanceId) : null;
}

/** The answer is replaced by the failure. */
function takenBack(reply: FastifyReply, requestId: string, failure: Error): string {
  const error = failure instanceof KeyturnError ? failure : new KeyturnError('internal', 'The request could not be recorded.');
  const problem = problemOf(error, requestId);
  for (const header of GRANTS) reply.removeHeader(header);
  reply.code(problem.status).type('application/problem+json').header('Cache-Control', 'no-store');
  if (error.retryAfterSeconds !== null) reply.header('Retry-After', error.retryAfterSeconds);
  return JSON.stringify(problem);
}

function inForce(cause: Error): KeyturnError {
  return new KeyturnError(
    'audit_unavailable',
    'What you asked for was done and IS in force; only its audit record could not be written yet, and Keyturn goes on trying. Do not ask again: look at the present state, and at what the audit log is kept on: the disk of the data folder, or the database.',
    { cause },
  );
}
