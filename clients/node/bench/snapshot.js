import { createServer } from 'node:http';
import { openKeyring } from '../dist/index.js';

/** What `keys.snapshot()` costs, which an application calls for each token; and what it costs to sign and verify beside it. */

const ROUNDS = 5;
const CALLS = 2_000_000;
const LIMIT_NANOSECONDS = 1_000;

const body = {
  name: 'web',
  revision: 'r',
  current: { version: 2, key: 'c'.repeat(20) + 'd4'.repeat(22), activatesAt: '2026-01-01T00:00:00.000Z' },
  previous: [{ version: 1, key: 'a'.repeat(20) + 'b9'.repeat(22), verifyUntil: '2036-01-01T00:00:00.000Z' }],
  next: null,
  refreshAfterSeconds: 60,
  leaseSeconds: 3_600,
};
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', etag: '"e"' }).end(JSON.stringify(body));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const keys = await openKeyring('web', { url: `http://127.0.0.1:${server.address().port}`, token: 'bench', environment: {} });

/** Nanoseconds for one call: the best round, which others on this machine disturbed least. */
function measure(action) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const begun = process.hrtime.bigint();
    for (let call = 0; call < CALLS; call++) action();
    best = Math.min(best, Number(process.hrtime.bigint() - begun) / CALLS);
  }
  return best;
}

let seen = 0;
const snapshot = measure(() => {
  seen += keys.snapshot().current.version;
});
const withKey = measure(() => {
  seen += keys.snapshot().current.key.length;
});
console.log(`Node ${process.version}, best of ${ROUNDS} × ${CALLS.toLocaleString('en')} calls (${seen > 0 ? 'all used' : 'none used'})`);
console.log(`snapshot()               ${snapshot.toFixed(0)} ns`);
console.log(`snapshot().current.key   ${withKey.toFixed(0)} ns`);
console.log(`limit                    ${LIMIT_NANOSECONDS} ns: ${withKey < LIMIT_NANOSECONDS ? 'kept' : 'BROKEN'}`);
keys.close();
server.close();
server.closeAllConnections();
process.exitCode = withKey < LIMIT_NANOSECONDS ? 0 : 1;
