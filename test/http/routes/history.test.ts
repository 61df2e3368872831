import t from 'tap';
import { startTestService, type TestService } from '../../support/service.ts';

const HISTORY = '/v1/keyrings/web/history';

async function withHistory(t: Parameters<typeof startTestService>[0], reasons: readonly string[]): Promise<TestService> {
  const service = await startTestService(t);
  await service.call({ method: 'POST', url: '/v1/keyrings', payload: { name: 'web', reason: 'first' } });
  for (const reason of reasons) {
    await service.clock.advance(1_000);
    await service.call({ method: 'POST', url: '/v1/keyrings/web/rotate', payload: { reason, kind: 'immediate' } });
  }
  return service;
}

t.test("every version's whole life, newest first, without material", async (t) => {
  const service = await withHistory(t, ['second']);
  const { call } = service;
  await call({ method: 'POST', url: '/v1/keyrings/web/rotate', payload: { reason: 'leak', kind: 'emergency' } });
  await service.pass(1_000);
  const { status, body, text } = await call({ url: HISTORY });
  t.equal(status, 200);
  t.match(body, {
    name: 'web',
    next: null,
    items: [
      { version: 3, role: 'current', kind: 'emergency', created: { reason: 'leak', by: { name: 'bootstrap' } }, revoked: null },
      {
        version: 2,
        role: 'revoked',
        kind: 'immediate',
        created: { reason: 'second' },
        revoked: { reason: 'leak' },
        destroyedAt: /^2026-03-01T12:00:0/,
      },
      { version: 1, role: 'revoked', kind: 'created', provenance: { origin: 'generated', bytes: 32, encoding: 'hex' } },
    ],
  });
  t.notMatch(text, /nonce|[0-9a-f]{64}/);
});

t.test('pages, as JSON and as CSV', async (t) => {
  const { call } = await withHistory(t, ['2', '3', '4']);
  const versions = (body: { items: { version: number }[] }) => body.items.map(({ version }) => version);
  const first = (await call({ url: `${HISTORY}?limit=3` })).body;
  t.same(versions(first), [4, 3, 2]);
  const second = (await call({ url: `${HISTORY}?limit=3&after=${first.next}` })).body;
  t.same([versions(second), second.next], [[1], null]);
  t.equal((await call({ url: `${HISTORY}?limit=4` })).body.next, null);

  const csv = await call({ url: `${HISTORY}?format=csv&limit=2` });
  t.equal(csv.headers['content-type'], 'text/csv; charset=utf-8');
  const rows = csv.text.split('\r\n');
  t.match(rows[0], /^version,role,kind,createdAt,createdById,createdByName,createdReason,slot,activatesAt,/);
  t.equal(rows.length, 4, 'a header, two versions, the end of the last line');
  const link = /^<(.+)>; rel="next"$/.exec(csv.headers.link ?? '')?.[1] ?? '';
  const rest = await call({ url: link });
  t.match(rest.text, /\r\n2,previous,.*\r\n1,previous,/s);
  t.equal(rest.headers.link, undefined);
});

t.test('CSV for who asks for nothing else; the query decides', async (t) => {
  const { call } = await withHistory(t, []);
  const type = async (accept: string | undefined, query = '') =>
    (await call({ url: `${HISTORY}${query}`, ...(accept !== undefined && { headers: { accept } }) })).headers['content-type']?.split(
      ';',
    )[0];
  t.equal(await type(undefined), 'application/json');
  t.equal(await type('*/*'), 'application/json');
  t.equal(await type('application/json, text/csv'), 'application/json');
  t.equal(await type('text/csv'), 'text/csv');
  t.equal(await type('text/csv', '?format=json'), 'application/json');
  t.equal(await type('application/json', '?format=csv'), 'text/csv');
  t.equal((await call({ url: `${HISTORY}?format=xml` })).status, 400);
});

t.test('a spreadsheet takes no cell for a formula, whatever people wrote', async (t) => {
  const reasons = ['=HYPERLINK("http://x","y")', '+1', '-1', '@SUM(A1)', 'with, comma', 'with "quotes"', 'harmless = really'];
  const { call } = await withHistory(t, reasons);
  const named = (await call({ method: 'POST', url: '/v1/tokens', payload: { name: '=1+1', roles: ['operator'] } })).body.token;
  await call({ method: 'POST', url: '/v1/keyrings/web/rotate', payload: { reason: 'x', kind: 'immediate' }, token: named });
  const { text } = await call({ url: `${HISTORY}?format=csv` });
  t.ok(text.includes(`,"'=HYPERLINK(""http://x"",""y"")",`));
  for (const start of [`,'+1,`, `,'-1,`, `,'@SUM(A1),`, `,'=1+1,`, ',"with, comma",', ',"with ""quotes""",', ',harmless = really,'])
    t.ok(text.includes(start), start);
  t.notMatch(text, /(^|,|")[=+@]/m);
});

t.test('cursors of other lists, made-up ones, and positions that are none are refused', async (t) => {
  const { call } = await withHistory(t, ['2', '3']);
  const cursor = (text: string) => Buffer.from(text).toString('base64url');
  const { next } = (await call({ url: `${HISTORY}?limit=1` })).body;
  t.equal(Buffer.from(next, 'base64url').toString(), 'history:3');
  const strangers = [
    cursor('keyrings:web'),
    cursor('history:web'),
    cursor('history:0'),
    cursor('history:-1'),
    cursor('history:1e3'),
    cursor('history:'),
    `${next}=`,
    `${next}%20`,
    next.slice(1),
    'x',
    '%00',
    'a'.repeat(401),
    cursor(`history:${'9'.repeat(30)}`),
  ];
  for (const after of strangers)
    t.match(await call({ url: `${HISTORY}?after=${after}` }), { status: 400, body: { code: 'invalid_request' } }, after);
  for (const url of ['/v1/keyrings', '/v1/tokens'])
    t.match(await call({ url: `${url}?after=${next}` }), { status: 400, body: { detail: /cursor is not one of this list/ } });
  for (const limit of ['0', '-1', '501', '1.5', '', 'all', '1&limit=2'])
    t.equal((await call({ url: `${HISTORY}?limit=${limit}` })).status, 400, limit);
  t.equal((await call({ url: `${HISTORY}?after=` })).status, 400);
});

t.test('the history of a purged keyring remains', async (t) => {
  const service = await withHistory(t, []);
  await service.call({ method: 'DELETE', url: '/v1/keyrings/web' });
  await service.pass(8 * 86_400_000);
  t.match((await service.call({ url: HISTORY })).body.items, [{ version: 1, role: 'revoked', destroyedAt: /^2026-03-09/ }]);
});
