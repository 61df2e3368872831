import t from 'tap';
import { VARIABLES } from '../../src/config/variables.ts';
import fc from '../support/fast-check.ts';
import { refusal } from './fixture.ts';

/** A secret as people paste it, too short to be taken as a key, with something in it that no message has by itself. */
const secret = fc.stringMatching(/^[A-Za-z0-9+=_-]{12,28}$/).map((text) => `S3${text}`);

/** Where a secret may land by mistake: every place of the file and of the environment. */
const MISTAKES: ((secret: string) => [yaml: string, env: Record<string, string>, files: Record<string, string>])[] = [
  ...VARIABLES.map(({ name }) => (text: string): [string, Record<string, string>, Record<string, string>] => [
    'port: x',
    { [name]: text },
    {},
  ]),
  (text) => [text, {}, {}],
  (text) => [`${text}: x`, {}, {}],
  (text) => [`log: {${text}: info}`, {}, {}],
  (text) => [`port: "${text}"`, {}, {}],
  (text) => [`port: x\nport: ${text}`, {}, {}],
  (text) => [`port: [${text}`, {}, {}],
  (text) => [`a: b: ${text}`, {}, {}],
  (text) => [`port: *${text}`, {}, {}],
  (text) => [`port: !${text} 1`, {}, {}],
  (text) => [`port: "\\q${text}"`, {}, {}],
  (text) => [`%${text}\n---\nport: x`, {}, {}],
  (text) => [`masterKey: {file: "${text}"}`, {}, {}],
  (text) => [`masterKey: ${text}`, {}, {}],
  (text) => [`keyrings: [{name: "${text}"}]`, {}, {}],
  (text) => [`keyrings: [{name: a, key: "${text}"}, "${text}"]`, {}, {}],
  (text) => [`port: x\nkeyrings: [{name: a, importFromEnv: "${text}"}]`, {}, {}],
  (text) => ['keyrings: [{name: a, importFromEnv: WEAK}]', { WEAK: text }, {}],
  (text) => ['keyrings: [{name: a, importFromFile: weak}]', {}, { weak: text }],
  (text) => [`keyrings: [{name: a, policy: {leaseSeconds: "${text}", schedule: {cron: "${text}"}}}]`, {}, {}],
  (text) => [`keyrings: [{name: a, policy: {schedule: {cron: "0 0 1 * *", timeZone: "${text}"}}}]`, {}, {}],
  (text) => [
    `tokens: [{id: "${text}", name: a, hash: "${text}", roles: ["${text}"], keyrings: ["${text}"], expiresAt: "${text}"}]`,
    {},
    {},
  ],
  (text) => ['port: x', { KEYTURN_MASTER_KEY: text, KEYTURN_TOKEN: text }, {}],
];

t.test('wherever a secret lands by mistake, no fault quotes it', async (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...MISTAKES), secret, (mistake, text) => {
      const { faults, shown } = refusal(...mistake(text));
      return faults.length > 0 && !`${faults.join('\n')}${shown}`.includes(text);
    }),
    { numRuns: 1_000 },
  );
  t.pass();
});
