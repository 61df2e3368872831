import { inspect } from 'node:util';
import t from 'tap';
import { KeyturnError } from '../src/core/errors.ts';
import { Secret } from '../src/core/secret.ts';
import { createLogger } from '../src/logger.ts';
import { readSource, sourceFiles } from './support/sources.ts';

const TOKEN = 'keyturn_0f8K2mVq9xYz_4bR7tN1pL6wC3sD5gH8jK0aE2uI4oP6yT9rW1qZ3xV5';
const KEY = '8d1f0c5a7be94f23a6d07c51e2938b4f6a1c0de59f7b3348c2a16e0d5b94f7c3';

function logged(
  write: (logger: ReturnType<typeof createLogger>) => void,
  level = 'debug',
): { text: string; lines: Record<string, unknown>[] } {
  const written: string[] = [];
  write(createLogger(level, { write: (line: string) => void written.push(line) }));
  return { text: written.join(''), lines: written.map((line) => JSON.parse(line)) };
}

/** As axios throws it: a request with its headers and its body, a response with its own. */
function axiosError(): Error {
  const config = {
    headers: { 'X-Vault-Token': 'hvs.CAESIJlU02LQZq', Authorization: `Bearer ${TOKEN}` },
    data: JSON.stringify({ key: KEY }),
  };
  const error = new Error('Request failed with status code 403');
  return Object.assign(error, {
    name: 'AxiosError',
    code: 'ERR_BAD_REQUEST',
    config,
    request: { _header: `X-Vault-Token: hvs.CAESIJlU02LQZq` },
    response: { status: 403, data: { data: { key: KEY } }, config },
    toJSON: () => ({ config }),
  });
}

t.test('a line is JSON with a level, a time, fields and a message, and nothing of the machine', async (t) => {
  const { lines } = logged((logger) => logger.info({ keyring: 'web' }, 'rotation published'));
  t.match(lines, [{ level: 'info', time: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/, keyring: 'web', msg: 'rotation published' }]);
  t.same(Object.keys(lines[0] ?? {}), ['level', 'time', 'keyring', 'msg']);
});

t.test('a secret hides itself, wherever it stands', async (t) => {
  const secret = new Secret(KEY);
  const { text } = logged((logger) => {
    logger.info({ secret, deep: { in: [secret] } }, `a ${secret}`);
    logger.info(secret, 'as the fields themselves');
    logger.info({ err: new Error(`about ${secret}`) }, inspect({ secret }));
  });
  t.notOk(text.includes(KEY), text);
});

t.test('headers, authorisation, keys and tokens are taken out by their name', async (t) => {
  const { text, lines } = logged((logger) => {
    logger.info({ headers: { authorization: 'Bearer abc' }, req: { headers: { cookie: 'abc' } }, authorization: 'abc' }, 'a');
    logger.info({ key: 'abc', token: 'abc', body: { key: 'abc', token: 'abc', authorization: 'abc' } }, 'b');
  });
  t.notOk(text.includes('abc'), text);
  t.match(lines[0], { headers: '[redacted]' });
});

t.test('what looks like a token is taken out of the whole line', async (t) => {
  const { text, lines } = logged((logger) => {
    logger.info({ url: `/v1/keyrings?token=${TOKEN}`, deep: { er: { still: [TOKEN] } } }, `somebody sent ${TOKEN}`);
    logger.child({ reqId: TOKEN }).warn({ reason: `hvs.CAESIJlU02LQZq` }, 'in a child too');
    logger.error({ err: new Error(`${TOKEN} at postgres://keyturn:${KEY}@db.example/keyturn`) }, 'in errors');
  });
  for (const secret of [TOKEN, TOKEN.slice(-20), KEY, 'CAESIJlU02LQZq']) t.notOk(text.includes(secret), text);
  t.match(lines[0], { msg: 'somebody sent keyturn_[redacted]' });
  t.match(lines[2], { err: { message: 'keyturn_[redacted] at postgres://keyturn:[redacted]@db.example/keyturn' } });
});

t.test('of an error only name, code, message and stack are kept: not what clients of other systems hang on theirs', async (t) => {
  const error = new KeyturnError('store_unavailable', 'Vault does not answer.', { cause: axiosError() });
  const { text, lines } = logged((logger) => {
    logger.error({ err: error }, 'a');
    logger.error({ error: axiosError() }, 'b');
    logger.error({ cause: axiosError() }, 'c');
    logger.error(axiosError());
  });
  for (const secret of [KEY, TOKEN, 'CAESIJlU02LQZq', 'config', '_header']) t.notOk(text.includes(secret), `${secret} in ${text}`);
  t.match(lines[0], {
    err: {
      name: 'KeyturnError',
      code: 'store_unavailable',
      message: 'Vault does not answer.',
      stack: /logger\.test/,
      cause: { name: 'AxiosError', code: 'ERR_BAD_REQUEST', message: 'Request failed with status code 403' },
    },
  });
});

t.test('a chain of causes ends after three, even one that bites its tail', async (t) => {
  const error: Error & { cause?: unknown } = new Error('round');
  error.cause = error;
  const { lines } = logged((logger) => logger.error({ err: error }, 'a'));
  t.match(lines, [{ err: { cause: { cause: { cause: { message: 'round' } } } } }]);
  t.equal(JSON.stringify(lines).match(/"message"/g)?.length, 4);
});

t.test('what is thrown and no error is not quoted', async (t) => {
  const { text, lines } = logged((logger) => logger.error({ err: KEY }, 'a'));
  t.notOk(text.includes(KEY));
  t.match(lines, [{ err: { name: 'string' } }]);
});

t.test('what is below the level is not written', async (t) => {
  t.equal(logged((logger) => logger.info('a'), 'warn').text, '');
  t.equal(logged((logger) => logger.fatal('a'), 'silent').text, '');
});

t.test('messages are static: no template and no concatenation', async (t) => {
  const call = /\b(?:logger|log)\.(?:fatal|error|warn|info|debug|trace)\(([^;]*)\);?$/gm;
  const found = sourceFiles().flatMap((file) => [...readSource(file).matchAll(call)].map(([line, args = '']) => ({ file, line, args })));
  t.ok(found.length > 8, 'the calls are found');
  for (const { file, line, args } of found) t.notOk(/`|' \+|\+ '/.test(args), `${file}: ${line}`);
});
