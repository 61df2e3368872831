import Type from 'typebox';
import { ERROR_CODES } from '../../core/errors.ts';
import { NAME_PATTERN } from '../../core/name.ts';

export const closed = { additionalProperties: false } as const;

export const orNull = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** One of the given words. */
export const oneOf = <const Words extends readonly string[]>(words: Words, options: Type.TSchemaOptions = {}) =>
  Type.Unsafe<Words[number]>({ type: 'string', enum: [...words], ...options });

export const Instant = Type.String({
  format: 'date-time',
  description: 'RFC 3339, UTC, milliseconds.',
  examples: ['2026-11-24T03:00:00.000Z'],
});

export const KeyringName = Type.String({ pattern: NAME_PATTERN, description: 'Name of the keyring.', examples: ['web'] });

/**
 * A text that looks in a terminal, a table and a page as it was meant: without control characters (C0, DEL, C1), line separators, and the marks by which a
 * part of it would be shown in another order.
 */
export const PLAIN_TEXT = '^[^\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]*$';

export const Reason = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: PLAIN_TEXT,
  description: 'Why; it stands in the history. Without control characters and marks of text direction.',
});

/** A weak key that an operator imported to verify only. */
export const WeakMark = Type.Literal(true, {
  description:
    'Present on a key imported although it is weak: whoever guesses it can forge. It verifies only, and may be shorter than 32 bytes.',
});

export const VersionNumber = Type.Integer({ minimum: 1, description: 'Positive, never reused.', examples: [3] });

export const Actor = Type.Object({ id: Type.String(), name: Type.String() }, { title: 'Actor', description: 'Who did it.' });

export const Act = Type.Object(
  { at: Instant, by: Actor, reason: Type.String() },
  { title: 'Act', description: 'Who did it, when, and why.' },
);

export const NameParams = Type.Object({ name: KeyringName });

/** For routes that take nothing there: what is put into the query by mistake is refused, not ignored. */
export const NoQuery = Type.Object({}, closed);

export const Cursor = Type.String({ minLength: 1, maxLength: 400, description: '`next` of the page before.' });

export const Problem = Type.Object(
  {
    type: Type.String({ format: 'uri', description: '`urn:keyturn:problem:` and the code.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What happened and what to do next.' }),
    code: oneOf(ERROR_CODES, { description: 'Stable: branch on this.' }),
    requestId: Type.String({ description: 'The log has the request under this id.' }),
    faults: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
  },
  {
    title: 'Problem',
    description: 'RFC 9457 problem details.',
  },
);
