import t from 'tap';
import fc from '../support/fast-check.ts';
import { startTestService } from '../support/service.ts';

const create = (name: string) => ({ method: 'POST', url: '/v1/keyrings', payload: { name } }) as const;

t.test('the log is read in pages, as JSON and as NDJSON', async (t) => {
  const { call } = await startTestService(t);
  for (const name of ['a', 'b', 'c', 'd', 'e']) await call(create(name));
  const first = (await call({ url: '/v1/audit?action=keyring.create&order=oldest&limit=2' })).body;
  t.match(first.items, [{ keyring: 'a' }, { keyring: 'b' }]);
  const second = (await call({ url: `/v1/audit?action=keyring.create&order=oldest&limit=2&after=${first.next}` })).body;
  t.match(second.items, [{ keyring: 'c' }, { keyring: 'd' }]);
  const lines = await call({ url: '/v1/audit?keyring=e', headers: { accept: 'application/x-ndjson' } });
  t.match(lines.headers['content-type'], 'application/x-ndjson');
  t.match(
    lines.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [{ keyring: 'e', action: 'keyring.create' }],
  );
  const page = await call({ url: '/v1/audit?format=ndjson&limit=1' });
  t.match(page.headers.link, /^<\/v1\/audit\?.*after=[^&]+.*>; rel="next"$/);
});

t.test('a token bounded to keyrings sees the records of those only', async (t) => {
  const { call, token } = await startTestService(t);
  await call(create('web'));
  await call(create('shop'));
  const bounded = await token(['auditor'], ['shop']);
  const { items } = (await call({ url: '/v1/audit?limit=100', token: bounded })).body;
  t.match(items, [{ keyring: 'shop' }]);
  t.equal(items.length, 1);
});

t.test('only auditors may read, sign and verify', async (t) => {
  const { call, token } = await startTestService(t);
  const operator = await token(['app', 'operator', 'admin']);
  t.equal((await call({ url: '/v1/audit', token: operator })).status, 403);
  t.equal((await call({ url: '/v1/audit/checkpoint', token: operator })).status, 403);
  t.equal((await call({ method: 'POST', url: '/v1/audit/verify', token: operator })).status, 403);
});

t.test('a kept checkpoint is verified against the log', async (t) => {
  const { call } = await startTestService(t);
  await call(create('web'));
  const { publicKey, ...checkpoint } = (await call({ url: '/v1/audit/checkpoint' })).body;
  t.match(publicKey, /^-----BEGIN PUBLIC KEY-----/);
  await call(create('shop'));
  const verify = (body: object) => call({ method: 'POST', url: '/v1/audit/verify', payload: body });
  t.match((await verify({ checkpoint })).body, { intact: true, findings: [], unchecked: [] });
  t.match((await verify({})).body, { intact: true, unchecked: [/older state/] });
  t.match((await verify({ checkpoint: { ...checkpoint, sequence: 10_000 } })).body, { intact: false });
  t.match((await call({ url: '/v1/audit?limit=1&action=audit.verify' })).body.items, [{ outcome: 'done', reason: /record 10000 is not/ }]);
});

t.test('no filter, however odd, is answered with anything but a page or a refusal', async (t) => {
  const { call } = await startTestService(t);
  await call(create('web'));
  const field = fc.constantFrom(
    'action',
    'outcome',
    'keyring',
    'principal',
    'instance',
    'since',
    'until',
    'order',
    'limit',
    'after',
    'format',
    'x',
  );
  const value = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.constantFrom('keys.read', 'done', 'web', '2026-01-01T00:00:00Z', '-1', '1e9', 'NaN', "' OR 1=1 --"),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(field, value), { maxLength: 4 }), async (pairs) => {
      const { status } = await call({ url: `/v1/audit?${new URLSearchParams(pairs)}` });
      return status === 200 || status === 400;
    }),
    { numRuns: 120 },
  );
});
