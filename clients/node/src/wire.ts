import { KeyturnError } from './errors.ts';
import { PreviousKey, SigningKey, Snapshot } from './snapshot.ts';
import { isKeyText, isStrongKey } from './strength.ts';

/** What a keys answer grants beside the keys. */
export interface Grant {
  readonly leaseSeconds: number;
  readonly refreshSeconds: number;
}

export interface KeysAnswer extends Grant {
  readonly snapshot: Snapshot;
}

const LONGEST_LEASE_SECONDS = 7 * 86_400;
const LONGEST_REFRESH_SECONDS = 86_400;
const MAX_PREVIOUS = 100;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

/**
 * The parsed body of a keys answer as a value. What is not exactly as the contract says is refused as a whole: an empty key in a list of keys lets
 * anybody forge, and so does a text where a list is expected. Fields it does not know are left to newer clients.
 * @throws KeyturnError `bad_answer`, `bad_key`, naming the field and never its value
 */
export function parseKeys(answer: unknown, name: string): KeysAnswer {
  const body = object(answer, 'the answer');
  if (body.name !== name) throw invalid('name');
  const snapshot = new Snapshot({
    name,
    revision: string(body.revision, 'revision'),
    current: signingKey(body.current, 'current'),
    next: body.next === null ? null : signingKey(body.next, 'next'),
    previous: previousKeys(body.previous),
  });
  requireDescending(snapshot);
  return {
    snapshot,
    leaseSeconds: parseLease(body.leaseSeconds, 'leaseSeconds'),
    refreshSeconds: parseRefresh(body.refreshAfterSeconds, 'refreshAfterSeconds'),
  };
}

/** @throws KeyturnError `bad_answer` */
export function parseLease(value: unknown, field: string): number {
  return whole(value, field, LONGEST_LEASE_SECONDS);
}

/** @throws KeyturnError `bad_answer` */
export function parseRefresh(value: unknown, field: string): number {
  return whole(value, field, LONGEST_REFRESH_SECONDS);
}

function signingKey(value: unknown, field: string): SigningKey {
  const { version, key, activatesAt, weak = false } = object(value, field);
  const text = keyText(key, field);
  if (weak !== false || !isStrongKey(text)) throw badKey(field);
  return new SigningKey(whole(version, `${field}.version`), text, instant(activatesAt, `${field}.activatesAt`));
}

/** Newest first, whatever order they came in. */
function previousKeys(value: unknown): readonly PreviousKey[] {
  const keys = list(value, 'previous').map((item, index) => previousKey(item, `previous[${index}]`));
  return keys.toSorted((one, other) => other.version - one.version);
}

function previousKey(value: unknown, field: string): PreviousKey {
  const { version, key, verifyUntil, weak = false } = object(value, field);
  const text = keyText(key, field);
  if (typeof weak !== 'boolean') throw invalid(`${field}.weak`);
  if (!(weak ? isKeyText(text) : isStrongKey(text))) throw badKey(field);
  const until = verifyUntil === null ? null : instant(verifyUntil, `${field}.verifyUntil`);
  return new PreviousKey(whole(version, `${field}.version`), text, until, weak);
}

function keyText(value: unknown, field: string): string {
  if (typeof value !== 'string') throw invalid(`${field}.key`);
  return value;
}

/** Versions are never reused and roles follow their order; anything else would make `next` sign somewhere. */
function requireDescending({ next, current, previous }: Snapshot): void {
  const versions = [...(next === null ? [] : [next]), current, ...previous].map(({ version }) => version);
  if (versions.some((version, index) => index > 0 && version >= (versions[index - 1] ?? 0))) throw invalid('version');
}

function object(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(field);
  return Object.fromEntries(Object.entries(value));
}

function list(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length > MAX_PREVIOUS) throw invalid(field);
  return value;
}

function string(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '') throw invalid(field);
  return value;
}

function instant(value: unknown, field: string): string {
  const text = string(value, field);
  if (!INSTANT.test(text) || Number.isNaN(Date.parse(text))) throw invalid(field);
  return text;
}

function whole(value: unknown, field: string, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1 || value > max) throw invalid(field);
  return value;
}

function invalid(field: string): KeyturnError {
  return new KeyturnError(
    'bad_answer',
    `What the service sent is not a keys answer that may be used: ${field} is not as it must be. Check that client and service are of matching releases.`,
  );
}

function badKey(field: string): KeyturnError {
  return new KeyturnError(
    'bad_key',
    `The key of ${field} may not be used: it is empty, too weak or not printable ASCII. Rotate the keyring, and see who could change the answer.`,
  );
}
