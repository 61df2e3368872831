import Type from 'typebox';
import { Secret } from '../../core/secret.ts';
import { isSound, mayVerify, STRENGTH_CHECKS, STRENGTH_NOTE, type StrengthCheck, type Verdict } from '../../core/strength.ts';
import type { HttpDeps } from '../deps.ts';
import { closed, NoQuery, oneOf } from '../schemas/common.ts';
import { problems } from '../schemas/responses.ts';
import type { Scope } from '../scope.ts';

const Body = Type.Object(
  { key: Type.String({ maxLength: 4_096, description: 'Judged, never stored, never logged.' }) },
  { ...closed, title: 'JudgeKey', examples: [{ key: 'you-will-never-guess' }] },
);

const Check = Type.Object(
  {
    check: oneOf(STRENGTH_CHECKS, {
      description:
        'size: bytes that can bear entropy. characters: printable ASCII. structure: repetition, sequences, phrases, few characters. placeholder: meant to be replaced. known: published defaults and the word list of the operator. reuse: seen in this service. guessable: by dictionary.',
    }),
    outcome: oneOf(['passed', 'failed', 'skipped'], { description: 'skipped: could not be made, or the verdict stands without it.' }),
    faults: Type.Array(Type.String()),
  },
  { title: 'StrengthCheck' },
);

const StrengthView = Type.Object(
  {
    acceptable: Type.Boolean({ description: 'May sign.' }),
    mayVerify: Type.Boolean({ description: 'May be imported to verify only, for a while; where it is weak, under an override.' }),
    bytes: Type.Integer({ description: 'That can bear entropy: an upper bound.' }),
    faults: Type.Array(Type.String(), { description: 'In words for its owner, without quoting the key.' }),
    checks: Type.Array(Check),
    note: Type.String(),
  },
  {
    title: 'Strength',
    examples: [
      {
        acceptable: false,
        mayVerify: true,
        bytes: 32,
        faults: ['it is a published default or example, which attackers try first'],
        checks: [
          { check: 'size', outcome: 'passed', faults: [] },
          { check: 'known', outcome: 'failed', faults: ['it is a published default or example, which attackers try first'] },
          { check: 'guessable', outcome: 'skipped', faults: [] },
        ],
        note: STRENGTH_NOTE,
      },
    ],
  },
);

const schema = {
  operationId: 'judgeKey',
  summary: 'Judge a key that is never stored',
  tags: ['strength'],
  querystring: NoQuery,
  body: Body,
  response: {
    200: { description: 'The verdict.', content: { 'application/json': { schema: StrengthView } } },
    ...problems('body_too_large', 'unsupported_media_type'),
  },
} as const;

export function strengthRoute(app: Scope, { service }: HttpDeps): void {
  app.post('/v1/strength', { schema, config: { access: ['operator'], audit: 'key.judge' } }, async ({ body: { key } }) => {
    return strengthView(await service.judge.judge(new Secret(key)));
  });
}

function strengthView(verdict: Verdict): Type.Static<typeof StrengthView> {
  return {
    acceptable: isSound(verdict),
    mayVerify: mayVerify(verdict),
    bytes: verdict.bytes,
    faults: verdict.weaknesses.map(({ message }) => message),
    checks: STRENGTH_CHECKS.map((check) => checkView(check, verdict)),
    note: STRENGTH_NOTE,
  };
}

function checkView(check: StrengthCheck, { weaknesses, skipped }: Verdict): Type.Static<typeof Check> {
  const faults = weaknesses.filter((weakness) => weakness.check === check).map(({ message }) => message);
  const outcome = faults.length > 0 ? 'failed' : skipped.includes(check) ? 'skipped' : 'passed';
  return { check, outcome, faults };
}
