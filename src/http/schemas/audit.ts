import Type from 'typebox';
import { ERROR_CODES } from '../../core/errors.ts';
import { AUDIT_ACTIONS } from '../../ports/journal.ts';
import { AUDIT_CHECKPOINT, AUDIT_PAGE, AUDIT_RECORD, AUDIT_VERDICT, PUBLIC_KEY } from '../openapi/examples.ts';
import { Actor, Cursor, closed, Instant, KeyringName, oneOf, orNull } from './common.ts';

const OUTCOMES = ['done', 'unchanged', 'refused', 'failed'] as const;
const When = Type.String({ format: 'date-time', maxLength: 40 });

export const AuditRecordView = Type.Object(
  {
    sequence: Type.Integer({ description: 'Counts from 1 without gaps.' }),
    at: Instant,
    action: oneOf(AUDIT_ACTIONS),
    outcome: oneOf(OUTCOMES, { description: '`unchanged`: a 304. `refused`: 4xx. `failed`: 5xx.' }),
    code: orNull(oneOf(ERROR_CODES)),
    principal: orNull(Actor),
    keyring: orNull(KeyringName),
    versions: Type.Array(Type.Integer()),
    instance: orNull(Type.String()),
    address: orNull(Type.String()),
    requestId: orNull(Type.String()),
    reason: orNull(Type.String()),
  },
  { title: 'AuditRecord', description: 'One thing that happened.', examples: [AUDIT_RECORD] },
);

export const AuditPage = Type.Object(
  { items: Type.Array(AuditRecordView), next: orNull(Type.String()) },
  { title: 'AuditPage', examples: [AUDIT_PAGE] },
);

export const AuditQuery = Type.Object(
  {
    action: Type.Optional(oneOf(AUDIT_ACTIONS)),
    outcome: Type.Optional(oneOf(OUTCOMES)),
    keyring: Type.Optional(KeyringName),
    principal: Type.Optional(Type.String({ maxLength: 100, description: 'Id of a principal, such as token:4Zk1x0QmB7aT.' })),
    instance: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9._:@/-]{1,128}$' })),
    since: Type.Optional(When),
    until: Type.Optional(When),
    order: Type.Optional(oneOf(['newest', 'oldest'], { description: 'Which come first. Default newest.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: 'Default 100.' })),
    after: Type.Optional(Cursor),
    format: Type.Optional(oneOf(['json', 'ndjson'], { description: 'Or ask by Accept: application/x-ndjson.' })),
  },
  closed,
);

const checkpoint = {
  sequence: Type.Integer({ minimum: 0, description: 'The last record; 0 = the log was empty.' }),
  at: Instant,
  hash: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Chain hash of that record.' }),
  signature: Type.String({ maxLength: 200, description: 'Ed25519 over the checkpoint, base64.' }),
};

export const CheckpointView = Type.Object(
  { ...checkpoint, publicKey: Type.String({ description: 'PEM. The same for the whole life of the log: keep it.' }) },
  {
    title: 'Checkpoint',
    examples: [{ ...AUDIT_CHECKPOINT, publicKey: PUBLIC_KEY }],
    description: 'A signed statement about the head of the log: keep it outside the reach of who runs the service.',
  },
);

export const VerifyBody = Type.Object(
  {
    checkpoint: Type.Optional(
      Type.Object(
        { ...checkpoint, publicKey: Type.Optional(Type.String({ maxLength: 1_000 })) },
        { ...closed, description: 'One that you kept.' },
      ),
    ),
  },
  { ...closed, title: 'VerifyAudit', examples: [{ checkpoint: AUDIT_CHECKPOINT }] },
);

export const VerdictView = Type.Object(
  {
    intact: Type.Boolean(),
    records: Type.Integer(),
    from: Type.Integer(),
    to: Type.Integer(),
    head: Type.String(),
    findings: Type.Array(Type.Object({ sequence: Type.Integer(), problem: Type.String() })),
    unchecked: Type.Array(Type.String()),
  },
  { title: 'AuditVerdict', examples: [AUDIT_VERDICT] },
);

export const ExportBody = Type.Object(
  { until: Type.String({ format: 'date-time', maxLength: 40, description: 'Records before this instant.' }) },
  { ...closed, title: 'ExportAudit', examples: [{ until: '2026-11-01T00:00:00.000Z' }] },
);

export const DropBody = Type.Object(
  {
    from: Type.Integer({ minimum: 1, description: 'The first record of the export: its `begin.sequence` and one.' }),
    checkpoint: Type.Object(checkpoint, { ...closed, description: 'The last line of the export.' }),
  },
  { ...closed, title: 'DropAudit', examples: [{ from: 1, checkpoint: AUDIT_CHECKPOINT }] },
);

export const RangeView = Type.Object(
  { from: Type.Integer({ description: 'The first record that went.' }), to: Type.Integer({ description: 'The last one.' }) },
  { title: 'AuditRange', examples: [{ from: 1, to: AUDIT_CHECKPOINT.sequence }] },
);
