import Type from 'typebox';
import { HISTORY_ITEM, HISTORY_PAGE } from '../openapi/examples.ts';
import { Act, Actor, Cursor, Instant, KeyringName, oneOf, orNull, VersionNumber } from './common.ts';
import { VersionKind } from './keyring.ts';

const Provenance = Type.Union(
  [
    Type.Object({
      origin: Type.Literal('generated'),
      generator: Type.String(),
      bytes: Type.Integer(),
      encoding: oneOf(['hex', 'base64url']),
      runtime: Type.String(),
      openssl: Type.String(),
    }),
    Type.Object({
      origin: Type.Literal('imported'),
      bytes: Type.Integer({ description: 'That can bear entropy.' }),
      judgement: Type.String({ description: 'Why it was taken, or why it is weak.' }),
      overridden: Type.Optional(
        Type.Object({ by: Actor, reason: Type.String() }, { description: 'Who imported a weak key to verify only, and why.' }),
      ),
    }),
  ],
  { title: 'Provenance', description: 'How the key was made.' },
);

export const HistoryItem = Type.Object(
  {
    version: VersionNumber,
    role: oneOf(['next', 'current', 'previous', 'retired', 'revoked']),
    kind: VersionKind,
    created: Act,
    slot: orNull(Instant),
    activatesAt: Instant,
    advanced: orNull(Act),
    verifyUntil: orNull(Instant),
    revoked: orNull(Act),
    destroyedAt: orNull(Instant),
    provenance: Provenance,
  },
  { title: 'HistoryItem', description: "One version's whole life.", examples: [HISTORY_ITEM] },
);

export const HistoryPage = Type.Object(
  { name: KeyringName, items: Type.Array(HistoryItem), next: orNull(Type.String()) },
  { title: 'HistoryPage', examples: [HISTORY_PAGE] },
);

export const HistoryQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: 'Default 100.' })),
    after: Type.Optional(Cursor),
    format: Type.Optional(oneOf(['json', 'csv'], { description: 'Or ask by Accept: text/csv.' })),
  },
  { additionalProperties: false },
);
