import t from 'tap';
import { durationInWords, parseDuration } from '../../src/cli/durations.ts';
import { distance, instant } from '../../src/cli/render/instants.ts';
import { DAY, HOUR, SECOND } from '../../src/core/time.ts';

t.test('a duration is a whole number and one unit, nothing else', async (t) => {
  const good = { '0s': 0, '90s': 90, '15m': 900, '24h': 86_400, '31d': 2_678_400, '2w': 1_209_600 };
  for (const [text, seconds] of Object.entries(good)) t.equal(parseDuration(text), seconds, text);
  for (const text of ['', '24', 'h', '1.5h', '-1h', '1h30m', '24 h', '24H', '1e3s', '1y', ' 1h']) t.throws(() => parseDuration(text), text);
});

t.test('durations in words are exact', async (t) => {
  const words = { 0: '0 s', 1: '1 s', 60: '1 min', 86400: '1 day', 86430: '1 day 30 s', 2764830: '32 days 30 s', 3661: '1 h 1 min 1 s' };
  for (const [seconds, text] of Object.entries(words)) t.equal(durationInWords(Number(seconds)), text);
});

t.test('distances are rounded to one unit and never say nothing', async (t) => {
  t.equal(distance(0), 'now');
  t.equal(distance(SECOND - 1), 'now');
  t.equal(distance(SECOND), 'in 1 s');
  t.equal(distance(-3 * 60 * SECOND), '3 min ago');
  t.equal(distance(DAY - 1), 'in 24 h');
  t.equal(distance(DAY + HOUR), 'in 1 day');
  t.equal(distance(40 * DAY), 'in 40 days');
});

t.test('instants are UTC to the second; what is none stays as it is', async (t) => {
  t.equal(instant('2026-12-01T03:00:00.999Z'), '2026-12-01 03:00:00 UTC');
  t.equal(instant(null), '–');
  t.equal(instant('soon'), 'soon');
});
