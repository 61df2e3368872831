import Type from 'typebox';
import { checkpointView, recordView } from '../../audit/view.ts';
import { isKeyringName } from '../../core/name.ts';
import type { PrincipalId } from '../../core/version.ts';
import type { AuditFilter } from '../../ports/audit.ts';
import type { Principal } from '../../ports/authenticator.ts';
import type { AuditRecord } from '../../ports/journal.ts';
import type { InstanceId } from '../../ports/leases.ts';
import { principalOf } from '../access.ts';
import { decodeCursor, encodeCursor } from '../cursor.ts';
import type { HttpDeps } from '../deps.ts';
import { instantIn } from '../instant.ts';
import { AUDIT_RECORD } from '../openapi/examples.ts';
import { note } from '../recording/notes.ts';
import { AuditPage, AuditQuery, CheckpointView, VerdictView, VerifyBody } from '../schemas/audit.ts';
import { problems, written } from '../schemas/responses.ts';
import type { Scope } from '../scope.ts';

const auditor = ['auditor'] as const;
const DEFAULT_LIMIT = 100;
const NDJSON = 'application/x-ndjson';

const schemas = {
  read: {
    operationId: 'readAudit',
    summary: 'Who did what, and what was refused',
    description:
      'A page may be short, or empty, and still have a successor: go on until `next` is null. As NDJSON the next page is in the Link header (rel="next"). A token bounded to keyrings sees the records of those.',
    tags: ['audit'],
    querystring: AuditQuery,
    response: written({
      200: {
        description: 'A page of records.',
        headers: { Link: { type: 'string', description: 'The next page, for NDJSON.' } },
        content: {
          'application/json': { schema: AuditPage },
          [NDJSON]: { schema: { type: 'string', description: 'One record a line.', examples: [`${JSON.stringify(AUDIT_RECORD)}\n`] } },
        },
      },
      ...problems(),
    }),
  },
  checkpoint: {
    operationId: 'auditCheckpoint',
    summary: 'Sign the head of the log',
    tags: ['audit'],
    response: {
      200: { description: 'The signed head.', content: { 'application/json': { schema: CheckpointView } } },
      ...problems(),
    },
  },
  verify: {
    operationId: 'verifyAudit',
    summary: 'Read the whole log and name every record that is not as it was written',
    description: 'One at a time: while one runs, others hear 429 with Retry-After.',
    tags: ['audit'],
    body: Type.Optional(VerifyBody),
    response: {
      200: { description: 'The verdict.', content: { 'application/json': { schema: VerdictView } } },
      ...problems('body_too_large', 'unsupported_media_type', 'verification_under_way'),
    },
  },
} as const;

export function auditRoutes(app: Scope, { audit }: HttpDeps): void {
  app.get('/v1/audit', { schema: schemas.read, config: { access: auditor, audit: 'audit.read' } }, async (request, reply) => {
    const { limit = DEFAULT_LIMIT, order = 'newest', after: cursor, format } = request.query;
    const after = decodeCursor('audit', cursor, parseSequence);
    const page = await audit.page({ filter: filterOf(request.query), visible: visibleTo(principalOf(request)), order, after, limit });
    const next = page.next === null ? null : encodeCursor('audit', String(page.next));
    const items = page.items.map(recordView);
    if (!wantsNdjson(format, request.headers.accept)) return { items, next };
    if (next !== null) reply.header('Link', `<${nextUrl(request.url, next)}>; rel="next"`);
    return reply.type(`${NDJSON}; charset=utf-8`).send(items.map((item) => `${JSON.stringify(item)}\n`).join(''));
  });

  app.get('/v1/audit/checkpoint', { schema: schemas.checkpoint, config: { access: auditor, audit: 'audit.checkpoint' } }, async () => ({
    ...checkpointView(await audit.checkpoint()),
    publicKey: audit.publicKey,
  }));

  app.post('/v1/audit/verify', { schema: schemas.verify, config: { access: auditor, audit: 'audit.verify' } }, async (request) => {
    const given = request.body?.checkpoint;
    const known = given === undefined ? null : { ...given, at: instantIn('checkpoint.at', given.at) };
    const verdict = await audit.verify(known);
    note(request, {
      reason: verdict.intact ? `records ${verdict.from} to ${verdict.to} are intact` : `record ${verdict.findings[0]?.sequence} is not`,
    });
    return { ...verdict, findings: [...verdict.findings], unchecked: [...verdict.unchecked] };
  });
}

/** Records of no keyring are for those whose token covers every keyring. */
function visibleTo(principal: Principal): (record: AuditRecord) => boolean {
  const seesAll = principal.mayTouchAll;
  return ({ keyring }) => seesAll || (keyring !== null && principal.mayTouch(keyring));
}

function filterOf({ action, outcome, keyring, principal, instance, since, until }: Type.Static<typeof AuditQuery>): AuditFilter {
  return {
    action: action ?? null,
    outcome: outcome ?? null,
    keyring: keyring !== undefined && isKeyringName(keyring) ? keyring : null,
    principal: (principal as PrincipalId | undefined) ?? null,
    instance: (instance as InstanceId | undefined) ?? null,
    since: since === undefined ? null : instantIn('since', since),
    until: until === undefined ? null : instantIn('until', until),
  };
}

function parseSequence(text: string): number | null {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null;
}

function wantsNdjson(format: 'json' | 'ndjson' | undefined, accept: string | undefined): boolean {
  if (format !== undefined) return format === 'ndjson';
  return accept !== undefined && /^\s*application\/x-ndjson\b/.test(accept);
}

/** The same question, further on. */
function nextUrl(url: string, next: string): string {
  const asked = new URL(url, 'http://localhost');
  asked.searchParams.set('after', next);
  asked.searchParams.set('format', 'ndjson');
  return `${asked.pathname}${asked.search}`;
}
