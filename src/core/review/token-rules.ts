import { DAY, type Millis } from '../time.ts';
import type { TokenFacts } from './facts.ts';
import type { Rule } from './finding.ts';
import { span } from './words.ts';

const REPLACE_BOOTSTRAP_WITHIN: Millis = 7 * DAY;
const UNUSED: Millis = 90 * DAY;
const ENDS_SOON: Millis = 14 * DAY;

const revoke = (id: string, reason: string): string => `keyturn token revoke ${id} --reason "${reason}"`;
/** A declared token is changed where it is declared. */
const instead = (token: TokenFacts, remedy: string): string => (token.isDeclared ? 'change it under tokens: in the config file' : remedy);

/** One token. That of the first start is judged as what it is, and by no other rule. */
export const TOKEN_RULES: readonly Rule<TokenFacts>[] = [
  {
    id: 'token.bootstrap',
    why: 'It may do everything for ever, and it lay in a file: a token of your own can be bounded and traced to a person.',
    judge({ id, isBootstrap, createdAt }, { now }) {
      if (!isBootstrap) return null;
      const age = now - createdAt;
      return {
        severity: age > REPLACE_BOOTSTRAP_WITHIN ? 'warning' : 'advice',
        found: `the admin token of the first start is still good after ${span(age)}`,
        remedy: `keyturn token new admin-1 --role admin --expires 365d --out admin-1.token, then with it: ${revoke(id, 'replaced')}`,
      };
    },
  },
  rule('token.admin-without-expiry', 'Whoever finds it can make tokens for everything, in years from now too.', (token) => {
    if (!token.roles.includes('admin') || token.expiresAt !== null) return null;
    const remedy = `keyturn token new admin-1 --role admin --expires 365d --out admin-1.token, then with it: ${revoke(token.id, 'replaced')}`;
    return { severity: 'warning', found: 'it may administer and never expires', remedy: instead(token, remedy) };
  }),
  rule('token.app-without-expiry', 'A token that was copied off a server is good until somebody revokes it.', (token) => {
    if (!token.roles.includes('app') || token.expiresAt !== null) return null;
    const remedy = `keyturn token new web-1 --role app --keyring web --expires 365d --out web.token, then ${revoke(token.id, 'replaced')}`;
    return { severity: 'advice', found: 'it reads keys and never expires', remedy: instead(token, remedy) };
  }),
  rule('token.app-everything', 'One broken-in server gives away the keys of every application.', (token) => {
    if (!token.roles.includes('app') || !token.keyrings.some((glob) => /^\*+$/.test(glob))) return null;
    const remedy = `keyturn token new web-1 --role app --keyring web --expires 365d --out web.token, then ${revoke(token.id, 'too wide')}`;
    return { severity: 'warning', found: 'it reads the keys of every keyring', remedy: instead(token, remedy) };
  }),
  rule(
    'token.operator-and-app',
    'Whoever reads keys on a server should not be able to rotate or revoke them, and the other way round.',
    (token) => {
      if (!token.roles.includes('app') || !token.roles.includes('operator')) return null;
      const remedy = `issue one token for each role (keyturn token new …), then ${revoke(token.id, 'split')}`;
      return { severity: 'warning', found: 'it is for an operator and for app servers at once', remedy: instead(token, remedy) };
    },
  ),
  rule('token.unused', 'Nobody would notice that it was stolen.', ({ id, isDeclared, lastUsedAt, createdAt }, { now }) => {
    const unused = now - (lastUsedAt ?? createdAt);
    if (isDeclared || unused <= UNUSED) return null;
    const found = lastUsedAt === null ? `it was never used in ${span(unused)}` : `it was not used for ${span(unused)}`;
    return { severity: 'warning', found, remedy: revoke(id, 'unused') };
  }),
  rule('token.ends-soon', 'Whoever uses it gets nothing from the service afterwards.', (token, { now }) => {
    if (token.expiresAt === null || token.expiresAt - now > ENDS_SOON) return null;
    const remedy = `keyturn token new ${token.roles.map((role) => `--role ${role}`).join(' ')} … and hand it out before then`;
    return { severity: 'warning', found: `it expires in ${span(token.expiresAt - now)}`, remedy: instead(token, remedy) };
  }),
];

function rule(id: string, why: string, judge: Rule<TokenFacts>['judge']): Rule<TokenFacts> {
  return { id, why, judge: (token, facts) => (token.isBootstrap ? null : judge(token, facts)) };
}

/** All tokens together. */
export const TOKENS_RULES: readonly Rule<readonly TokenFacts[]>[] = [
  {
    id: 'tokens.one-admin',
    why: 'When that one person is away, or the token is lost, nobody can issue or revoke tokens.',
    judge(tokens) {
      const admins = tokens.filter(({ roles }) => roles.includes('admin'));
      if (admins.length > 1) return null;
      return {
        severity: 'advice',
        found: 'only one token may administer',
        remedy: 'keyturn token new admin-2 --role admin --expires 365d --out admin-2.token',
      };
    },
  },
];
