import t from 'tap';
import { keyturn } from './keyturn.ts';

const holder = {
  instance: 'web-1',
  principal: 'token:4fQ0aB81xYzK',
  address: '10.0.0.11',
  firstSeen: '2026-11-20T09:00:00.000Z',
  lastSeen: '2026-11-24T11:59:00.000Z',
  leaseUntil: '2026-11-25T11:59:00.000Z',
  isLive: true,
  offered: { current: 4, newest: 5 },
  holds: { current: 4, newest: 5, since: '2026-11-24T11:58:00.000Z' },
  lags: false,
  lagsUntil: null,
  mayHoldRevoked: false,
};
const lagging = { ...holder, instance: 'web-2', holds: null, lags: true, lagsUntil: '2026-11-25T11:00:00.000Z' };
const message = '1 of 2 instances may lack version 5; the longest, web-2, until 2026-11-25T11:00:30.000Z.';
const body = {
  name: 'web',
  revision: '7',
  summary: {
    at: '2026-11-24T12:00:00.000Z',
    newest: 5,
    instances: 2,
    anonymous: 0,
    lagging: 1,
    completeSince: '2026-09-01T08:00:00.000Z',
    activation: {
      state: 'waiting',
      version: 5,
      plannedAt: '2026-11-25T11:30:30.000Z',
      expectedAt: '2026-11-25T11:00:30.000Z',
      reason: 'instances_behind',
      message,
    },
    revoked: null,
  },
  items: [holder, lagging],
  next: null,
};
const route = 'GET /v1/keyrings/web/instances';

t.test('instances tells what the next key waits for, and a line for each holder', async (t) => {
  const { exit, out, err } = await keyturn(['instances', 'web'], { [route]: { body } });
  t.same([exit, err], [0, '']);
  t.equal(
    out,
    `  instances      2 hold a lease
  newest key     version 5, which 1 of them may lack
  next key       ${message}
  signs from     2026-11-25 11:30:30 UTC (in 24 h), or earlier when all have it
  at the latest  2026-11-25 11:00:30 UTC (in 23 h)

INSTANCE  TOKEN               ADDRESS    HOLDS               SINCE                    LAST ASKED                           LEASE UNTIL                        STATE
web-1     token:4fQ0aB81xYzK  10.0.0.11  version 5           2026-11-24 11:58:00 UTC  2026-11-24 11:59:00 UTC (1 min ago)  2026-11-25 11:59:00 UTC (in 24 h)  up to date
web-2     token:4fQ0aB81xYzK  10.0.0.11  not shown; given 5  –                        2026-11-24 11:59:00 UTC (1 min ago)  2026-11-25 11:59:00 UTC (in 24 h)  lags
`,
  );
});

t.test('instances tells who may still use a revoked key, and when the last one is out', async (t) => {
  const revoked = { versions: [3, 4], at: '2026-11-24T11:00:00.000Z', mayHold: 1, othersMay: false, cleared: false };
  const told = async (cut: object) => {
    const summary = { ...body.summary, anonymous: 2, lagging: 0, revoked: { ...revoked, clearedAt: '2026-11-24T13:00:00.000Z', ...cut } };
    const items = [
      { ...holder, instance: null, mayHoldRevoked: true },
      { ...holder, isLive: false },
    ];
    return (await keyturn(['instances', 'web'], { [route]: { body: { ...body, summary, items } } })).out;
  };
  const during = await told({});
  t.match(during, '2 hold a lease, and callers of 2 tokens that do not name themselves');
  t.match(during, 'version 5, which all of them have');
  t.match(during, 'version 3, 4, at 2026-11-24 11:00:00 UTC');
  t.match(during, 'by 1 instance until 2026-11-24 13:00:00 UTC (in 1 h) at the latest');
  t.match(during, /\(no name\).* may use a revoked key\n.* lease ended\n/);
  t.match(await told({ othersMay: true }), 'by 1 instance and others that are not known until');
  t.match(await told({ cleared: true, clearedAt: '2026-11-24T11:05:00.000Z' }), 'by nobody since 2026-11-24 11:05:00 UTC');
});

t.test('instances --json is the text of the service; --all is one page with every holder', async (t) => {
  const routes = {
    [route]: { body: { ...body, items: [holder], next: 'c1' } },
    [`${route}?after=c1`]: { body: { ...body, items: [lagging] } },
  };
  const first = await keyturn(['instances', 'web', '--json'], routes);
  t.same(JSON.parse(first.out), { ...body, items: [holder], next: 'c1' });
  const all = await keyturn(['instances', 'web', '--all'], routes);
  t.match(all.out, /web-1 .*\nweb-2 /);
  t.equal(all.err, '');
  t.match((await keyturn(['instances', 'web'], routes)).err, '--all');
});

t.test('an instance cannot steer the terminal by its name', async (t) => {
  const { out } = await keyturn(['instances', 'web'], { [route]: { body: { ...body, items: [{ ...holder, instance: '\u001b[2Jx' }] } } });
  t.notMatch(out, '\u001b');
});
