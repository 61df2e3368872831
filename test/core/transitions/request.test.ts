import t from 'tap';
import { type Keyring, MAX_REQUESTS } from '../../../src/core/keyring.ts';
import { answeredRequest, rememberRequest } from '../../../src/core/transitions/request.ts';
import { keyring, T0 } from '../../support/keyrings.ts';

const request = (key: string, body = 'rotate') => ({ key, body, at: T0, version: 2 });

t.test('a request is answered once its key is remembered, and not before', async (t) => {
  const shop = keyring('shop');
  t.equal(answeredRequest(shop, 'k', 'rotate'), null);
  t.same(answeredRequest(rememberRequest(shop, request('k')), 'k', 'rotate'), request('k'));
});

t.test('the same key for something else is refused', async (t) => {
  const shop = rememberRequest(keyring('shop'), request('k'));
  t.throws(() => answeredRequest(shop, 'k', 'revoke'), { code: 'idempotency_mismatch' });
});

t.test('the newest requests are remembered, newest first', async (t) => {
  let shop: Keyring = keyring('shop');
  for (let index = 0; index <= MAX_REQUESTS; index++) shop = rememberRequest(shop, request(`k${index}`));
  t.equal(shop.requests.length, MAX_REQUESTS);
  t.equal(shop.requests[0]?.key, `k${MAX_REQUESTS}`);
  t.equal(answeredRequest(shop, 'k0', 'rotate'), null);
  t.ok(answeredRequest(shop, 'k1', 'rotate'));
});
