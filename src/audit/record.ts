import { ERROR_CODES, KeyturnError } from '../core/errors.ts';
import { isKeyringName } from '../core/name.ts';
import type { PrincipalId } from '../core/version.ts';
import { AUDIT_ACTIONS, type AuditEvent, type AuditRecord } from '../ports/journal.ts';
import type { InstanceId } from '../ports/leases.ts';

/**
 * The text of one record: a JSON array in UTF-8, these fields in this order. Hashes cover these very bytes, so a field is only ever added
 * at the end, under a new `FORMAT`:
 *
 * `[at, action, outcome, code, principalId, principalName, keyring, versions, instance, address, requestId, reason]`
 *
 * `at` is in milliseconds since 1970; the sequence is not in the text: it is hashed with it (chain.ts).
 */
const FIELDS = 12;
const OUTCOMES = ['done', 'unchanged', 'refused', 'failed'] as const;
/** Characters of a text from outside: one record that cannot be written would hold up all that wait with it. */
const MAX_TEXT = 300;
/** No record is longer, in bytes. */
export const MAX_RECORD_BYTES = 8_192;

const ACTIONS: ReadonlySet<unknown> = new Set(AUDIT_ACTIONS);
const CODES: ReadonlySet<unknown> = new Set(ERROR_CODES);

export function encodeEvent(event: AuditEvent): string {
  const { at, action, outcome, code, instance, address, requestId, reason } = event;
  const from = `${wordOrNull(instance)},${textOrNull(cut(address))},${wordOrNull(requestId)}`;
  return `[${at},"${action}","${outcome}",${wordOrNull(code)},${subjectOf(event)},${from},${textOrNull(cut(reason))}]`;
}

type Subject = Pick<AuditEvent, 'principal' | 'keyring' | 'versions'>;

/** By the list of versions, which all reads of one key set share; mostly their caller is the same too. */
const subjects = new WeakMap<AuditEvent['versions'], Subject & { readonly text: string }>();

/** Who, and what: the part that is the same in thousands of records. */
function subjectOf({ principal, keyring, versions }: Subject): string {
  const known = subjects.get(versions);
  if (known !== undefined && known.principal === principal && known.keyring === keyring) return known.text;
  const who = principal === null ? 'null,null' : `"${principal.id}",${quoted(principal.name)}`;
  const text = `${who},${wordOrNull(keyring)},[${versions.join(',')}]`;
  subjects.set(versions, { principal, keyring, versions, text });
  return text;
}

/** @throws KeyturnError `corrupt_document` where the text is not exactly what `encodeEvent` writes */
export function decodeRecord(text: string, sequence: number): AuditRecord {
  const record = recordOf(parsed(text), sequence);
  if (record !== null && encodeEvent(record) === text) return record;
  throw new KeyturnError('corrupt_document', `Record ${sequence} of the audit log cannot be read. Run: keyturn audit verify`);
}

function recordOf(fields: readonly unknown[], sequence: number): AuditRecord | null {
  const [at, action, outcome, code, id, name, keyring, versions, instance, address, requestId, reason] = fields;
  if (fields.length !== FIELDS || !isCount(at) || !isAction(action) || !isOutcome(outcome)) return null;
  if (!isCodeOrNull(code) || !isTextOrNull(id) || !isTextOrNull(name) || (id === null) !== (name === null)) return null;
  if (!isTextOrNull(keyring) || (keyring !== null && !isKeyringName(keyring))) return null;
  if (!Array.isArray(versions) || !versions.every(isCount)) return null;
  if (!isTextOrNull(instance) || !isTextOrNull(address) || !isTextOrNull(requestId) || !isTextOrNull(reason)) return null;
  const principal = id === null || name === null ? null : { id: id as PrincipalId, name };
  return {
    sequence,
    at,
    action,
    outcome,
    code,
    principal,
    keyring,
    versions,
    instance: instance as InstanceId | null,
    address,
    requestId,
    reason,
  };
}

function parsed(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/** A space, an exclamation mark, and all but quote, backslash and controls: what JSON writes as it is. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

function textOrNull(text: string | null): string {
  return text === null ? 'null' : quoted(text);
}

/** For words whose alphabet needs no escaping. */
function wordOrNull(word: string | null): string {
  return word === null ? 'null' : `"${word}"`;
}

function cut(text: string | null): string | null {
  return text !== null && text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function isAction(value: unknown): value is AuditRecord['action'] {
  return ACTIONS.has(value);
}

function isOutcome(value: unknown): value is AuditRecord['outcome'] {
  return OUTCOMES.some((outcome) => outcome === value);
}

function isCodeOrNull(value: unknown): value is AuditRecord['code'] {
  return value === null || CODES.has(value);
}

/** Which actions and outcomes a block holds, as bits: a search passes over blocks that cannot hold what it looks for. */
export function actionBit(action: AuditRecord['action']): number {
  return 2 ** AUDIT_ACTIONS.indexOf(action);
}

export function outcomeBit(outcome: AuditRecord['outcome']): number {
  return 2 ** OUTCOMES.indexOf(outcome);
}
