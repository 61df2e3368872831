import Type from 'typebox';
import { Compile } from 'typebox/compile';
import { KeyturnError } from './errors.ts';
import { type ChangeId, checkKeyring, type Keyring, MAX_REQUESTS } from './keyring.ts';
import { type KeyringName, NAME_PATTERN } from './name.ts';
import { MIN_KEY_BYTES } from './strength.ts';
import { toIso } from './time.ts';
import { type MaterialNonce, type PrincipalId, VERSION_KINDS } from './version.ts';

/** The schema of documents that this code writes. It reads this one only; a change of shape adds a migration here. */
export const DOCUMENT_SCHEMA = 1;

/** Fields that hold an instant: numbers in memory, RFC 3339 text in the document, for the people who look into their store. */
const INSTANT_FIELDS: ReadonlySet<string> = new Set([
  'at',
  'slot',
  'activatesAt',
  'verifyUntil',
  'destroyedAt',
  'nextRotationAt',
  'purgeAt',
  'purgedAt',
  'leasesUntil',
  'tokensUntil',
]);
const YEAR_0 = Date.parse('0000-01-01T00:00:00.000Z');
const YEAR_9999 = Date.parse('9999-12-31T23:59:59.999Z');
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const closed = { additionalProperties: false };
const text = <Text extends string>(pattern = '') => Type.Unsafe<Text>(Type.String({ pattern }));
const orNull = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Instant = Type.Integer();
const Count = Type.Integer({ minimum: 1 });

const Actor = Type.Object({ id: text<PrincipalId>(), name: Type.String() }, closed);
const Act = Type.Object({ at: Instant, by: Actor, reason: Type.String() }, closed);
const Encoding = Type.Union([Type.Literal('hex'), Type.Literal('base64url')]);

const Generated = Type.Object(
  {
    origin: Type.Literal('generated'),
    generator: Type.String(),
    bytes: Count,
    encoding: Encoding,
    runtime: Type.String(),
    openssl: Type.String(),
  },
  closed,
);
const Override = Type.Object({ by: Actor, reason: Type.String() }, closed);
const Imported = Type.Object(
  { origin: Type.Literal('imported'), bytes: Count, judgement: Type.String(), overridden: Type.Optional(Override) },
  closed,
);

const Version = Type.Object(
  {
    version: Count,
    nonce: text<MaterialNonce>('^[0-9a-f]{16}$'),
    kind: Type.Union(VERSION_KINDS.map((kind) => Type.Literal(kind))),
    created: Act,
    slot: orNull(Instant),
    activatesAt: Instant,
    advanced: orNull(Act),
    verifyUntil: orNull(Instant),
    revoked: orNull(Act),
    destroyedAt: orNull(Instant),
    provenance: Type.Union([Generated, Imported]),
  },
  closed,
);

const Policy = Type.Object(
  {
    schedule: orNull(Type.Object({ cron: Type.String(), timeZone: Type.String() }, closed)),
    tokenLifetimeSeconds: Count,
    leaseSeconds: Count,
    refreshSeconds: Count,
    skewSeconds: Type.Integer({ minimum: 0 }),
    keyBytes: Type.Integer({ minimum: MIN_KEY_BYTES }),
    keyEncoding: Encoding,
  },
  closed,
);

const Lifecycle = Type.Union([
  Type.Object({ state: Type.Literal('active') }, closed),
  Type.Object({ state: Type.Literal('deleted'), deleted: Act, purgeAt: Instant }, closed),
  Type.Object({ state: Type.Literal('purged'), deleted: Act, purgedAt: Instant }, closed),
]);

const Document = Type.Object(
  {
    schema: Type.Literal(DOCUMENT_SCHEMA),
    name: text<KeyringName>(NAME_PATTERN),
    created: Act,
    policy: Policy,
    carryover: orNull(Type.Object({ leasesUntil: Instant, tokensUntil: Instant }, closed)),
    versions: Type.Array(Version),
    nextRotationAt: orNull(Instant),
    lifecycle: Lifecycle,
    requests: Type.Array(Type.Object({ key: Type.String(), body: Type.String(), at: Instant, version: Count }, closed), {
      maxItems: MAX_REQUESTS,
    }),
    changed: Type.Object({ id: text<ChangeId>(), at: Instant, by: Actor }, closed),
  },
  closed,
);

const validator = Compile(Document);

/**
 * The JSON text of a keyring, as every store keeps it.
 * @throws KeyturnError `internal` for an instant that could not be read again: not whole, or outside the years 0 to 9999
 */
export function encodeKeyring(keyring: Keyring): string {
  return JSON.stringify({ schema: DOCUMENT_SCHEMA, ...keyring }, writeInstant);
}

/**
 * @throws KeyturnError `corrupt_document`: not JSON, another shape, written by a newer Keyturn, or a broken invariant. Says where,
 * never what it found there.
 */
export function decodeKeyring(text: string): Keyring {
  const document = parse(text);
  if (!validator.Check(document)) throw corrupt(whereWrong(document));
  const { schema: _, ...keyring } = document;
  return checkKeyring(keyring);
}

function parse(text: string): unknown {
  try {
    const document: unknown = JSON.parse(text);
    readInstants(document);
    return document;
  } catch (cause) {
    throw corrupt('it is not JSON', cause);
  }
}

function writeInstant(key: string, value: unknown): unknown {
  if (typeof value !== 'number' || !INSTANT_FIELDS.has(key)) return value;
  if (Number.isInteger(value) && value >= YEAR_0 && value <= YEAR_9999) return toIso(value);
  throw new KeyturnError('internal', `A keyring document cannot hold the instant in its field ${key}. Nothing was changed.`);
}

/** In place, at any depth. A reviver of `JSON.parse` would be called for every value there is, and take as long as all the rest. */
function readInstants(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, field] of Object.entries(value)) {
    if (INSTANT_FIELDS.has(key)) Reflect.set(value, key, readInstant(field));
    else readInstants(field);
  }
}

/** Anything but the one form that `writeInstant` gives is no instant: neither a number, nor a date that no calendar has. */
function readInstant(value: unknown): unknown {
  if (value === null) return null;
  if (typeof value !== 'string' || !ISO.test(value)) return Number.NaN;
  const at = Date.parse(value);
  return Number.isFinite(at) && toIso(at) === value ? at : Number.NaN;
}

function whereWrong(document: unknown): string {
  const schema = typeof document === 'object' && document !== null && 'schema' in document ? document.schema : undefined;
  if (typeof schema === 'number' && schema > DOCUMENT_SCHEMA)
    return `its schema is ${schema} and this Keyturn reads ${DOCUMENT_SCHEMA}: use a newer one`;
  const [first] = validator.Errors(document);
  return `it breaks its schema at ${first?.instancePath || '/'}`;
}

function corrupt(why: string, cause?: unknown): KeyturnError {
  return new KeyturnError('corrupt_document', `A keyring document cannot be read: ${why}. Restore it from a backup.`, { cause });
}
