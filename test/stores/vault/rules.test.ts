import t from 'tap';
import { freshPrefix, rawCalls, testVault } from '../../support/vault.ts';

const MISMATCH = { errors: ['check-and-set parameter did not match the current version'] };
const REQUIRED = { errors: ['check-and-set parameter required for this call'] };
const write = (cas: number, value = cas) => ({ options: { cas }, data: { value } });

/** What the store builds on: in this order, on one entry. Run it against a real server to see whether the double of the tests tells the truth. */
const RULES: readonly (readonly [
  rule: string,
  method: string,
  kind: string,
  body: object | undefined,
  status: number,
  answer: object | null,
])[] = [
  ['what was never written is not found, without a word', 'GET', 'data', undefined, 404, { errors: [] }],
  ['a write after a version that is not there is refused', 'POST', 'data', write(1), 400, MISMATCH],
  ['nor does it leave anything', 'GET', 'metadata', undefined, 404, { errors: [] }],
  ['metadata can come first', 'POST', 'metadata', { cas_required: true, max_versions: 2 }, 204, null],
  ['and is no version', 'GET', 'data', undefined, 404, { errors: [] }],
  ['a write without cas is refused where it is required', 'POST', 'data', { data: {} }, 400, REQUIRED],
  ['cas 0 creates', 'POST', 'data', write(0), 200, { data: { version: 1, deletion_time: '', destroyed: false, created_time: String } }],
  ['once', 'POST', 'data', write(0), 400, MISMATCH],
  ['the next version follows', 'POST', 'data', write(1), 200, { data: { version: 2 } }],
  ['and is read', 'GET', 'data', undefined, 200, { data: { data: { value: 1 }, metadata: { version: 2, destroyed: false } } }],
  ['a third pushes the first out', 'POST', 'data', write(2), 200, { data: { version: 3 } }],
  ['for good', 'GET', 'data?version=1', undefined, 404, { errors: [] }],
  ['what is deleted is not found, with its metadata', 'DELETE', 'data', undefined, 204, null],
  ['like this', 'GET', 'data', undefined, 404, { data: { data: null, metadata: { version: 3, destroyed: false, deletion_time: /^2/ } } }],
  ['its count survives', 'POST', 'data', write(0), 400, MISMATCH],
  ['undeleted, it is there again', 'POST', 'undelete', { versions: [3] }, 204, null],
  ['as it was', 'GET', 'data', undefined, 200, { data: { data: { value: 2 } } }],
  ['destroyed', 'POST', 'destroy', { versions: [3] }, 204, null],
  ['it is gone', 'GET', 'data', undefined, 404, { data: { data: null, metadata: { version: 3, destroyed: true } } }],
  ['undeleting does not help', 'POST', 'undelete', { versions: [3] }, 204, null],
  ['it stays gone', 'GET', 'data', undefined, 404, { data: { data: null, metadata: { destroyed: true } } }],
  ['and cas 0 is refused', 'POST', 'data', write(0), 400, MISMATCH],
  ['while its count goes on', 'POST', 'data', write(3), 200, { data: { version: 4 } }],
  [
    'metadata tell all',
    'GET',
    'metadata',
    undefined,
    200,
    { data: { current_version: 4, cas_required: true, versions: { 3: { destroyed: true } } } },
  ],
  ['deleting them', 'DELETE', 'metadata', undefined, 204, null],
  ['is as if nothing had been', 'POST', 'data', write(0), 200, { data: { version: 1 } }],
];

t.test('the server keeps the rules that the store builds on', async (t) => {
  const server = await testVault(t);
  const raw = rawCalls(server);
  const path = (kind: string) => kind.replace(/^(\w+)/, `${server.mount}/$1/${prefix}/entry`);
  const prefix = freshPrefix();
  for (const [rule, method, kind, body, status, answer] of RULES) {
    const given = await raw(method, path(kind), body);
    t.equal(given.status, status, rule);
    if (answer !== null) t.match(given.body, answer, rule);
  }
});

t.test('lists name what lies right below, folders with a slash; an empty folder is not found', async (t) => {
  const server = await testVault(t);
  const raw = rawCalls(server);
  const below = `${server.mount}/metadata/${freshPrefix()}`;
  t.match(await raw('GET', `${below}/none?list=1`), { status: 404, body: { errors: [] } });
  for (const name of ['b', 'a', 'a/c', 'd/e', 'f/g/h']) await raw('POST', `${below}/${name}`, { cas_required: true });
  const { body } = await raw('GET', `${below}?list=1`);
  t.match(body, { data: { keys: ['a', 'a/', 'b', 'd/', 'f/'] } });
});

t.test('a mount that is not there is a 404 with words', async (t) => {
  const raw = rawCalls(await testVault(t));
  const { status, body } = await raw('GET', 'nowhere/data/x');
  t.equal(status, 404);
  t.match(JSON.stringify(body), /no handler for route/);
});
