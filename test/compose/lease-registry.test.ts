import t from 'tap';
import { type KeptRegistry, keepLeases } from '../../src/compose/lease-registry.ts';
import { DAY, HOUR, MINUTE } from '../../src/core/time.ts';
import { leasesIn } from '../../src/stores/sqlite/leases.ts';
import { named } from '../stores/keyrings.ts';
import { ManualClock } from '../support/clock.ts';
import { GRANTED, grant, holding } from '../support/leases.ts';
import { openTestSqlite } from '../support/sqlite.ts';

const WEB = named('web');

function opened(t: Parameters<typeof openTestSqlite>[0], settled: (record: () => void) => Promise<void> = async () => undefined) {
  const { database } = openTestSqlite(t);
  const clock = new ManualClock(GRANTED);
  const record = () => leasesIn(database).record([grant(holding(1), false)]);
  const keep = (seamless: boolean, isFirstStart = false): KeptRegistry =>
    keepLeases({ database, clock, settled: () => settled(record), seamless, isFirstStart });
  return { clock, keep, record };
}

t.test('whoever asks for the living leases sees what was on its way to the journal', async (t) => {
  const { keep } = opened(t, async (record) => record());
  t.equal((await keep(true).registry.live(WEB, GRANTED)).length, 1);
});

t.test('at the first start of all nothing was granted before, by any clock', async (t) => {
  const { keep } = opened(t);
  t.equal(keep(true, true).registry.completeSince(), GRANTED - 10 * MINUTE, 'the largest skew');
  t.equal(keep(true).registry.completeSince(), GRANTED - 10 * MINUTE, 'and a restart leaves it so');
});

t.test('a restart within minutes, even after a crash, leaves the registry complete', async (t) => {
  const { clock, keep } = opened(t);
  const first = keep(true);
  await clock.advance(HOUR);
  first.beat();
  await clock.advance(9 * MINUTE);
  t.equal(keep(true).registry.completeSince(), GRANTED);
});

t.test('answers without a record are known of at once, and after an orderly restart', async (t) => {
  const { clock, keep } = opened(t);
  const first = keep(false);
  await clock.advance(HOUR);
  first.markIncomplete();
  t.equal(first.registry.completeSince(), GRANTED + HOUR + 1);
  await clock.advance(MINUTE);
  first.close();
  t.equal(keep(false).registry.completeSince(), GRANTED + HOUR + 1);
});

t.test('a crash of a service that may have answered without a record is taken for the worst', async (t) => {
  const { clock, keep } = opened(t);
  keep(false);
  await clock.advance(MINUTE);
  t.equal(keep(false).registry.completeSince(), GRANTED + MINUTE);
});

t.test('entries stay for days after their lease has ended, and then go', async (t) => {
  const { clock, keep, record } = opened(t);
  const kept = keep(true);
  record();
  await clock.advance(9 * DAY);
  kept.tidy();
  t.equal((await kept.registry.page(WEB, null, 9)).items.length, 1);
  await clock.advance(1);
  kept.tidy();
  t.equal((await kept.registry.page(WEB, null, 9)).items.length, 0);
});
