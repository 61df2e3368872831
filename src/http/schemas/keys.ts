import Type from 'typebox';
import { MIN_VERIFYING_LENGTH } from '../../core/strength.ts';
import { KEYS } from '../openapi/examples.ts';
import { Instant, KeyringName, orNull, VersionNumber, WeakMark } from './common.ts';
import { NO_STORE } from './responses.ts';

const Key = Type.String({
  minLength: 32,
  description: 'The key, exactly as the application uses it.',
});

const WeakKey = Type.String({ minLength: MIN_VERIFYING_LENGTH, description: 'As the application uses it today. Log that it is in use.' });

export const KeysView = Type.Object(
  {
    name: KeyringName,
    revision: Type.String(),
    current: Type.Object({ version: VersionNumber, key: Key, activatesAt: Instant }, { description: 'Signs and verifies.' }),
    previous: Type.Array(
      Type.Union([
        Type.Object({ version: VersionNumber, key: Key, verifyUntil: Instant }),
        Type.Object({ version: VersionNumber, key: WeakKey, verifyUntil: Instant, weak: WeakMark }),
      ]),
      { description: 'Verify only, newest first.' },
    ),
    next: orNull(
      Type.Object({ version: VersionNumber, key: Key, activatesAt: Instant }, { description: 'Verifies; signs from activatesAt.' }),
    ),
    refreshAfterSeconds: Type.Integer({ minimum: 1 }),
    leaseSeconds: Type.Integer({
      minimum: 1,
      description: 'Counted from before the request was sent; then these keys must not be used any more.',
    }),
  },
  { title: 'Keys', examples: [KEYS] },
);

export const KeysQuery = Type.Object(
  {
    wait: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 300, description: 'Seconds to hold the request until the answer differs from If-None-Match.' }),
    ),
  },
  { additionalProperties: false },
);

export const KeysHeaders = Type.Object({
  'if-none-match': Type.Optional(Type.String({ maxLength: 1_000, description: 'ETag of the answer at hand: 304 while it holds.' })),
  'keyturn-instance': Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9._:@/-]{1,128}$',
      description:
        'Names the calling instance, the same on each call. With it and If-None-Match an instance shows that it holds the new key, and rotations need not wait for leases to end. A new process sends no If-None-Match with its first call.',
      examples: ['web-7f9c-1'],
    }),
  ),
});

export const KeysResponseHeaders = {
  ETag: {
    type: 'string',
    description:
      'Identifies keys and roles; changes when either does. For a named instance it also names the process: only the one that was given it may send it back.',
  },
  'Keyturn-Lease': { type: 'integer', description: 'As leaseSeconds; a 304 renews the lease by it.' },
  'Cache-Control': NO_STORE,
  'Keyturn-Refresh': { type: 'integer', description: 'As refreshAfterSeconds.' },
};
