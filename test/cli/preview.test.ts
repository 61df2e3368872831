import t from 'tap';
import { WEB } from './fixtures.ts';
import { keyturn } from './keyturn.ts';

t.test('a preview of --cron asks nobody and shows the wall clock of its time zone', async (t) => {
  const argv = ['schedule', 'preview', '--cron', '30 2 * * SUN', '--time-zone', 'America/New_York', '--count', '2'];
  const { exit, out, seen } = await keyturn(argv);
  t.same([exit, seen.length], [0, 0]);
  t.equal(
    out,
    `By cron "30 2 * * SUN" (America/New_York):

SLOT THERE           NEW KEY PUBLISHED                     NEW KEY SIGNS            OLD KEY VERIFIES UNTIL
2026-11-29 02:30:00  2026-11-29 07:30:00 UTC (in 5 days)   2026-11-30 07:30:30 UTC  2027-01-01 07:31:00 UTC
2026-12-06 02:30:00  2026-12-06 07:30:00 UTC (in 12 days)  2026-12-07 07:30:30 UTC  2027-01-08 07:31:00 UTC
`,
  );
});

t.test('a preview of a keyring begins with the slot that the service waits for', async (t) => {
  const { out } = await keyturn(['schedule', 'preview', 'web', '--json'], { 'GET /v1/keyrings/web': { body: WEB } });
  const { slots, schedule } = JSON.parse(out);
  t.same(schedule, WEB.policy.schedule);
  t.equal(slots.length, 5);
  t.same(slots[0], {
    publishedAt: '2026-12-01T03:00:00.000Z',
    activatesAt: '2026-12-02T03:00:30.000Z',
    previousVerifiesUntil: '2027-01-03T03:01:00.000Z',
  });
  t.equal(slots[4].publishedAt, '2027-04-01T03:00:00.000Z');
});

t.test('a slot that is overdue is carried out now', async (t) => {
  const body = { ...WEB, nextRotationAt: '2026-11-24T03:00:00.000Z' };
  const { out } = await keyturn(['schedule', 'preview', 'web', '--json'], { 'GET /v1/keyrings/web': { body } });
  t.equal(JSON.parse(out).slots[0].publishedAt, '2026-11-24T12:00:00.000Z');
});

t.test('a schedule that no keyring can have is a list of faults', async (t) => {
  const { exit, err } = await keyturn(['schedule', 'preview', '--cron', '* * * * *']);
  t.equal(exit, 2);
  t.match(err, /- \/policy\/schedule\/cron time between slots > lease \+ skew does not hold/);
});

t.test('a preview needs a keyring or --cron, and not both', async (t) => {
  t.equal((await keyturn(['schedule', 'preview'])).exit, 2);
  t.equal((await keyturn(['schedule', 'preview', 'web', '--cron', '0 3 1 * *'])).exit, 2);
  const { exit, err } = await keyturn(['schedule', 'preview', 'web'], {
    'GET /v1/keyrings/web': { body: { ...WEB, nextRotationAt: null } },
  });
  t.equal(exit, 1);
  t.match(err, 'has no slot to come');
});
