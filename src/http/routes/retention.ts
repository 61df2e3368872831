import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { rangeText } from '../../audit/retention.ts';
import { textOf } from '../../audit/segment.ts';
import { KeyturnError } from '../../core/errors.ts';
import type { AuditEvent, Journal } from '../../ports/journal.ts';
import { principalOf } from '../access.ts';
import type { HttpDeps } from '../deps.ts';
import { instantIn } from '../instant.ts';
import { AUDIT_CHECKPOINT } from '../openapi/examples.ts';
import { note } from '../recording/notes.ts';
import { eventOf } from '../recording/record.ts';
import { DropBody, ExportBody, RangeView } from '../schemas/audit.ts';
import { problems, written } from '../schemas/responses.ts';
import type { Scope } from '../scope.ts';

const NDJSON = 'application/x-ndjson';

const schemas = {
  export: {
    operationId: 'exportAudit',
    summary: 'The oldest part of the log, sealed, as it can be verified without this service',
    description:
      'All commits that ended before `until`: a header, then for each commit its seal and its records with their hashes, last a signed checkpoint. An answer without that last line was cut. The token must cover every keyring.',
    tags: ['audit'],
    body: ExportBody,
    response: written({
      200: {
        description: 'The export, one JSON value a line.',
        content: {
          [NDJSON]: { schema: { type: 'string', examples: [`${JSON.stringify({ checkpoint: AUDIT_CHECKPOINT })}\n`] } },
        },
      },
      ...problems('nothing_to_export', 'body_too_large', 'unsupported_media_type'),
    }),
  },
  drop: {
    operationId: 'dropAudit',
    summary: 'Delete from the log what was exported',
    description:
      'Verify the export first, and keep it: its last line is what is sent here. Two records tell of it, one before anything goes. The token must cover every keyring.',
    tags: ['audit'],
    body: DropBody,
    response: {
      200: { description: 'What went. The log begins after it.', content: { 'application/json': { schema: RangeView } } },
      ...problems('export_mismatch', 'body_too_large', 'unsupported_media_type'),
    },
  },
} as const;

export function retentionRoutes(app: Scope, { retention, recording }: HttpDeps): void {
  const admin = ['admin'] as const;

  app.post('/v1/audit/export', { schema: schemas.export, config: { access: admin, audit: 'audit.export' } }, async (request, reply) => {
    requireAll(request);
    const until = instantIn('until', request.body.until);
    const exported = await retention.exportUntil(until);
    if (exported === null) throw nothingBefore(request.body.until);
    note(request, { reason: rangeText(exported) });
    const stream = Readable.from(textOf(exported.lines), { objectMode: false });
    return reply.header('Cache-Control', 'no-store').type(`${NDJSON}; charset=utf-8`).send(stream);
  });

  app.post('/v1/audit/drop', { schema: schemas.drop, config: { access: admin, audit: 'audit.drop' } }, async (request, reply) => {
    requireAll(request);
    const { from, checkpoint } = request.body;
    const at = instantIn('checkpoint.at', checkpoint.at);
    const dropped = await retention.drop(from, { ...checkpoint, at }, (range) => {
      const event = eventOf(recording, 'audit.drop', request, reply);
      return durable(recording.journal, { ...event, reason: `begun: ${rangeText(range)}` });
    });
    note(request, { change: { at: null }, reason: rangeText(dropped) });
    return dropped;
  });
}

/** The log is about every keyring, and so is what becomes of it. */
function requireAll(request: FastifyRequest): void {
  if (!principalOf(request).mayTouchAll) throw new KeyturnError('forbidden', 'This needs a token that covers every keyring.');
}

function nothingBefore(until: string): KeyturnError {
  return new KeyturnError('nothing_to_export', `The log holds nothing that ended before ${until}.`);
}

function durable(journal: Journal, event: AuditEvent): Promise<void> {
  return new Promise((resolve, reject) => {
    journal.append(event, null, (failure) => (failure === null ? resolve() : reject(failure)));
  });
}
