import { promisify } from 'node:util';
import { jwtVerify, SignJWT } from 'jose';
import jwt from 'jsonwebtoken';
import t from 'tap';
import { joseKeys } from '../../../clients/node/src/adapters/jose.ts';
import { jsonwebtokenKeys } from '../../../clients/node/src/adapters/jsonwebtoken.ts';
import type { Keyring } from '../../../clients/node/src/index.ts';
import type { JwtOptions } from '../../../clients/node/src/jwt-keys.ts';
import { KeysService, keyOf, openTestKeyring } from './keys-service.ts';

interface Library {
  readonly name: string;
  sign(keys: Keyring): Promise<string>;
  verify(keys: Keyring, token: string, options?: JwtOptions): Promise<unknown>;
}

const LIBRARIES: Library[] = [
  {
    name: 'jose',
    async sign(keys) {
      const jose = joseKeys(keys);
      return new SignJWT({ sub: 'ada' }).setProtectedHeader(jose.header()).setExpirationTime('1h').sign(jose.signingKey());
    },
    async verify(keys, token, options) {
      return (await jwtVerify(token, joseKeys(keys, options).getKey, { algorithms: ['HS256'] })).payload.sub;
    },
  },
  {
    name: 'jsonwebtoken',
    async sign(keys) {
      const { secret, options } = jsonwebtokenKeys(keys).signing();
      return jwt.sign({ sub: 'ada' }, secret, { ...options, expiresIn: '1h' });
    },
    async verify(keys, token, options) {
      const verify = promisify<string, jwt.GetPublicKeyOrSecret, jwt.VerifyOptions, unknown>(jwt.verify);
      const claims = await verify(token, jsonwebtokenKeys(keys, options).getKey, { algorithms: ['HS256'] });
      return Reflect.get(Object(claims), 'sub');
    },
  },
];

const kid = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid;
const forged = (key: string, options: jwt.SignOptions) => jwt.sign({ sub: 'ada' }, key, { algorithm: 'HS256', ...options });

for (const { name, sign, verify } of LIBRARIES) {
  t.test(`${name}: tokens by every key verify, only current signs`, async (t) => {
    const service = await KeysService.start(t);
    const keys = await openTestKeyring(t, service);
    const first = await sign(keys);
    t.equal(kid(first), '1');
    service.publish();
    await keys.refresh();
    t.equal(kid(await sign(keys)), '1', 'next does not sign');
    t.equal(await verify(keys, forged(keyOf(2), { keyid: '2' })), 'ada', 'but verifies');
    service.promote();
    await keys.refresh();
    t.equal(await verify(keys, first), 'ada', 'the old token lives');
    t.equal(kid(await sign(keys)), '2');
    for (const library of LIBRARIES) t.equal(await library.verify(keys, await sign(keys)), 'ada', `verifies in ${library.name}`);
    service.emergency();
    await keys.refresh();
    await t.rejects(verify(keys, first), 'cut');
    keys.close();
    await t.rejects(verify(keys, first), 'without keys');
  });

  t.test(`${name}: forged tokens and tokens of nobody's key are refused`, async (t) => {
    const service = await KeysService.start(t);
    const keys = await openTestKeyring(t, service);
    const empty = `${Buffer.from('{"alg":"HS256","kid":"1"}').toString('base64url')}.e30.`;
    const none = `${Buffer.from('{"alg":"none","kid":"1"}').toString('base64url')}.e30.`;
    for (const token of [empty, none, forged('x'.repeat(32), { keyid: '1' }), forged(keyOf(1), {}), forged(keyOf(1), { keyid: 'web.1' })]) {
      await t.rejects(verify(keys, token));
    }
    for (const keyid of ['', '01', '1e0', '-1', ' 1', '__proto__', '99']) await t.rejects(verify(keys, forged(keyOf(1), { keyid })), keyid);
    t.equal(await verify(keys, forged(keyOf(1), {}), { withoutKid: 1 }), 'ada', 'without a kid only where that is asked for');
  });

  t.test(`${name}: a key that is not here yet is fetched, once in 30 seconds`, async (t) => {
    const service = await KeysService.start(t);
    let uptime = 0;
    const clock = { now: () => 1_700_000_000_000 + uptime, uptime: () => uptime };
    const keys = await openTestKeyring(t, service, { clock, timers: { after: () => () => {} } });
    service.promote();
    const token = forged(keyOf(2), { keyid: '2' });
    await t.rejects(verify(keys, token), /names no key/, 'asked a moment ago');
    uptime = 30_000;
    t.equal(await verify(keys, token), 'ada');
    t.equal(service.asked.length, 2);
    await t.rejects(verify(keys, forged(keyOf(3), { keyid: '3' })));
    t.equal(service.asked.length, 2, 'a flood of strange tokens asks nothing');
  });
}
