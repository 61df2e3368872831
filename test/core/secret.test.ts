import { format, inspect } from 'node:util';
import t from 'tap';
import { Secret } from '../../src/core/secret.ts';

const TEXT = 'c0ffee5ec2e7'.repeat(4);
const secret = new Secret(TEXT);

t.test('a secret hides itself wherever it may be written', async (t) => {
  const written = [
    String(secret),
    `${secret}`,
    `secret: ${secret}`,
    ['a', secret].join(),
    JSON.stringify(secret),
    JSON.stringify({ deep: [{ secret }] }),
    JSON.stringify(Object.assign({}, secret)),
    inspect(secret),
    inspect({ deep: { er: { secret } } }, { depth: 9, showHidden: true }),
    inspect(secret, { customInspect: false, showHidden: true }),
    format('%s %o %O %j', secret, secret, secret, secret),
    new Error(`of ${secret}`).message,
    JSON.stringify(Object.getOwnPropertyNames(secret)),
    inspect(structuredClone(secret)),
  ];
  for (const text of written) t.notMatch(text, TEXT);
  t.equal(String(secret), '[secret]');
  t.equal(JSON.stringify({ secret }), '{"secret":"[secret]"}');
});

t.test('reveal is the way out', async (t) => {
  t.equal(secret.reveal(), TEXT);
});
