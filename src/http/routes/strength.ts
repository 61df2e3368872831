import Type from 'typebox';
import { entropyBearingBytes, keyFaults } from '../../core/strength.ts';
import { closed } from '../schemas/common.ts';
import { problems } from '../schemas/responses.ts';
import type { Scope } from '../scope.ts';

const NOTE = 'Finding no fault is no proof: the randomness of a key that somebody else made cannot be proven.';

const Body = Type.Object(
  { key: Type.String({ maxLength: 4_096, description: 'Judged, never stored, never logged.' }) },
  { ...closed, title: 'JudgeKey', examples: [{ key: 'you-will-never-guess' }] },
);

const Verdict = Type.Object(
  {
    acceptable: Type.Boolean(),
    bytes: Type.Integer({ description: 'That can bear entropy.' }),
    faults: Type.Array(Type.String()),
    note: Type.String(),
  },
  { title: 'Strength' },
);

const schema = {
  operationId: 'judgeKey',
  summary: 'Judge a key that is never stored',
  tags: ['strength'],
  body: Body,
  response: {
    200: { description: 'The verdict.', content: { 'application/json': { schema: Verdict } } },
    ...problems('body_too_large', 'unsupported_media_type'),
  },
} as const;

export function strengthRoute(app: Scope): void {
  app.post('/v1/strength', { schema, config: { access: ['operator'], audit: 'key.judge' } }, async ({ body: { key } }) => {
    const faults = keyFaults(key);
    return { acceptable: faults.length === 0, bytes: entropyBearingBytes(key), faults, note: NOTE };
  });
}
