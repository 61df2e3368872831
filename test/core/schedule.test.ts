import t from 'tap';
import { checkSchedule, type Schedule, shortestGap, slotAfter, slotsAfter, slotsBetween } from '../../src/core/schedule.ts';
import { DAY, HOUR, MINUTE, SECOND, toIso } from '../../src/core/time.ts';
import fc from '../support/fast-check.ts';
import { at } from '../support/keyrings.ts';

const NOW = at('2026-01-15T10:20:30.457Z');
const utc = (cron: string): Schedule => ({ cron, timeZone: 'UTC' });

/** The first slots after an instant, as `2026-03-29T01:00Z`. */
function slots(cron: string, timeZone: string, after: string, count = 3): string[] {
  return slotsAfter({ cron, timeZone }, at(after), count).map((slot) => toIso(slot).replace(':00.000Z', 'Z'));
}

/** As it was before results were remembered. */
function gapLookedAt(schedule: Schedule, now: number): number | null {
  const slots = slotsAfter(schedule, now, 400);
  const gaps = slots.slice(1).map((slot, index) => slot - (slots[index] ?? slot));
  return gaps.length === 0 ? null : Math.min(...gaps);
}

t.test('a shortest gap that is remembered is the one that would be found', async () => {
  const crons = ['0 1,4 * * *', '0 3 1 * *', '*/7 * * * *', '30 2 * * *', '0 0 29 2 *', '0 0 31 2 *', '0 9 * * MON,TUE', '15 30 2 * * 0'];
  const schedules = fc.record({
    cron: fc.constantFrom(...crons),
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe'),
  });
  const instants = fc.array(fc.integer({ min: -2 * DAY, max: 400 * DAY }), { minLength: 1, maxLength: 3 });
  const near = fc.integer({ min: 0, max: 10 * MINUTE });
  fc.assert(
    fc.property(schedules, instants, near, (schedule, offsets, step) => {
      // Twice beside each other: the second is remembered, unless a slot lies between.
      const nows = offsets.flatMap((offset) => [NOW + offset, NOW + offset + step]);
      return nows.every((now) => shortestGap(schedule, now) === gapLookedAt(schedule, now));
    }),
    { numRuns: 40 },
  );
});

t.test('a slot that is remembered is the one that would be found, in whatever order it is asked for', async () => {
  const spring = Date.parse('2026-03-29T00:00:00Z');
  const autumn = Date.parse('2026-10-25T00:00:00Z');
  const instants = fc.tuple(fc.constantFrom(spring, autumn), fc.integer({ min: -DAY, max: DAY })).map(([day, offset]) => day + offset);
  const schedules = fc.record({
    cron: fc.constantFrom('*/15 * * * *', '30 2 * * *', '0 0 1 * *', '5 1-3 * * 0', '*/7 0 2 * * *'),
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York'),
  });
  fc.assert(
    fc.property(schedules, fc.array(instants, { minLength: 2, maxLength: 8 }), (schedule, asked) =>
      asked.every((after) => slotAfter(schedule, after) === (slotsAfter(schedule, after, 1)[0] ?? null)),
    ),
    { numRuns: 500 },
  );
});

t.test('the documented dialect', async (t) => {
  const table: [string, string, string][] = [
    ['0 3 1 * *', '2026-02-01T03:00Z', '2026-03-01T03:00Z'],
    ['00 03 01 * *', '2026-02-01T03:00Z', '2026-03-01T03:00Z'],
    ['*/15 * * * *', '2026-01-15T10:30Z', '2026-01-15T10:45Z'],
    ['1-10/3 * * * *', '2026-01-15T11:01Z', '2026-01-15T11:04Z'],
    ['5,50 8-10 * * *', '2026-01-15T10:50Z', '2026-01-16T08:05Z'],
    ['30 20 10 * * *', '2026-01-16T10:20:30.000Z', '2026-01-17T10:20:30.000Z'],
    ['0 3 * JAN-MAR MON', '2026-01-19T03:00Z', '2026-01-26T03:00Z'],
    ['0 3 * jan sun', '2026-01-18T03:00Z', '2026-01-25T03:00Z'],
    ['0 0 * * 0', '2026-01-18T00:00Z', '2026-01-25T00:00Z'],
    ['0 0 * * 7', '2026-01-18T00:00Z', '2026-01-25T00:00Z'],
    ['0 0 L * *', '2026-01-31T00:00Z', '2026-02-28T00:00Z'],
    ['0 0 L,15 * *', '2026-01-31T00:00Z', '2026-02-15T00:00Z'],
    ['0 0 LW * *', '2026-01-30T00:00Z', '2026-02-27T00:00Z'],
    ['0 0 15W * *', '2026-02-16T00:00Z', '2026-03-16T00:00Z'],
    ['0 0 * * 5#2', '2026-02-13T00:00Z', '2026-03-13T00:00Z'],
    ['0 0 * * FRI#L', '2026-01-30T00:00Z', '2026-02-27T00:00Z'],
    ['0 0 * * 5#5', '2026-01-30T00:00Z', '2026-05-29T00:00Z'],
    ['0 0 29 2 *', '2028-02-29T00:00Z', '2032-02-29T00:00Z'],
  ];
  for (const [cron, ...expected] of table) {
    t.same(checkSchedule(utc(cron), NOW), [], cron);
    t.same(slots(cron, 'UTC', '2026-01-15T10:20:30.457Z', 2), expected, cron);
  }
});

t.test('two restricted day fields: either one matches', async (t) => {
  t.same(slots('0 0 13 * FRI', 'UTC', '2026-02-01T00:00:00Z', 5), [
    '2026-02-06T00:00Z',
    '2026-02-13T00:00Z',
    '2026-02-20T00:00Z',
    '2026-02-27T00:00Z',
    '2026-03-06T00:00Z',
  ]);
  t.same(slots('0 0 10 * FRI', 'UTC', '2026-02-07T00:00:00Z', 1), ['2026-02-10T00:00Z']);
});

t.test('slots lie strictly after the instant asked about', async (t) => {
  const monthly = utc('0 3 1 * *');
  const slot = at('2026-02-01T03:00:00Z');
  t.equal(slotAfter(monthly, slot - 1), slot);
  t.equal(slotAfter(monthly, slot), at('2026-03-01T03:00:00Z'));
  t.equal(slotAfter(monthly, slot + 1), at('2026-03-01T03:00:00Z'));
});

t.test('slots do not depend on the time zone of the machine', async (t) => {
  t.same(slots('0 3 * * *', 'UTC', '2026-07-01T00:00:00Z', 1), ['2026-07-01T03:00Z']);
  t.same(slots('0 3 * * *', 'Asia/Kolkata', '2026-07-01T00:00:00Z', 1), ['2026-07-01T21:30Z']);
  t.same(slots('0 3 * * *', 'America/New_York', '2026-07-01T00:00:00Z', 1), ['2026-07-01T07:00Z']);
});

t.test('spring: fixed times inside the gap happen at its end, once', async (t) => {
  // Berlin skips 02:00 to 03:00 on 29 March 2026, at 01:00 UTC.
  const berlin = (cron: string, count = 2) => slots(cron, 'Europe/Berlin', '2026-03-28T12:00:00Z', count);
  t.same(berlin('0 2 * * *'), ['2026-03-29T01:00Z', '2026-03-30T00:00Z']);
  t.same(berlin('30 2 * * *'), ['2026-03-29T01:00Z', '2026-03-30T00:30Z']);
  t.same(berlin('15,45 2 * * *'), ['2026-03-29T01:00Z', '2026-03-30T00:15Z']);
  t.same(berlin('30 1-3 * * *', 4), ['2026-03-29T00:30Z', '2026-03-29T01:00Z', '2026-03-29T01:30Z', '2026-03-29T23:30Z']);
  t.same(berlin('30 2 29 3 *'), ['2026-03-29T01:00Z', '2027-03-29T00:30Z']);
  t.same(slots('30 2 * * *', 'America/New_York', '2026-03-08T00:00:00Z', 2), ['2026-03-08T07:00Z', '2026-03-09T06:30Z']);
  // Lord Howe skips half an hour: 02:00 to 02:30 on 4 October 2026, at 15:30 UTC of the day before.
  t.same(slots('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00:00Z', 2), ['2026-10-03T15:30Z', '2026-10-04T15:15Z']);
});

t.test('autumn: fixed times in the time that repeats happen once, at the first occurrence', async (t) => {
  // Berlin repeats 02:00 to 03:00 on 25 October 2026, from 00:00 UTC.
  const berlin = (cron: string, count = 2) => slots(cron, 'Europe/Berlin', '2026-10-24T12:00:00Z', count);
  t.same(berlin('0 2 * * *'), ['2026-10-25T00:00Z', '2026-10-26T01:00Z']);
  t.same(berlin('30 2 * * *'), ['2026-10-25T00:30Z', '2026-10-26T01:30Z']);
  t.same(berlin('15,45 2 * * *', 3), ['2026-10-25T00:15Z', '2026-10-25T00:45Z', '2026-10-26T01:15Z']);
  t.same(berlin('0 3 * * *'), ['2026-10-25T02:00Z', '2026-10-26T02:00Z']);
  for (const after of ['2026-10-25T00:30:00Z', '2026-10-25T00:59:00Z', '2026-10-25T01:15:00Z', '2026-10-25T01:30:00Z']) {
    t.same(slots('30 2 * * *', 'Europe/Berlin', after, 1), ['2026-10-26T01:30Z'], after);
  }
  t.same(slots('30 1 * * *', 'America/New_York', '2026-10-31T12:00:00Z', 2), ['2026-11-01T05:30Z', '2026-11-02T06:30Z']);
  // Lord Howe repeats 01:30 to 02:00 on 5 April 2026.
  t.same(slots('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00:00Z', 2), ['2026-04-04T14:45Z', '2026-04-05T15:15Z']);
});

t.test('schedules with * or a step follow the clock on the wall: nothing in the gap, twice in the hour that repeats', async (t) => {
  t.same(slots('30 * * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z'), ['2026-03-29T00:30Z', '2026-03-29T01:30Z', '2026-03-29T02:30Z']);
  t.same(slots('30 * * * *', 'Europe/Berlin', '2026-10-25T00:00:00Z'), ['2026-10-25T00:30Z', '2026-10-25T01:30Z', '2026-10-25T02:30Z']);
  t.same(slots('*/30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 1), ['2026-03-30T00:00Z']);
  t.same(slots('*/30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 5), [
    '2026-10-25T00:00Z',
    '2026-10-25T00:30Z',
    '2026-10-25T01:00Z',
    '2026-10-25T01:30Z',
    '2026-10-26T01:00Z',
  ]);
  t.same(slots('30 */2 * * *', 'Europe/Berlin', '2026-03-28T23:00:00Z', 2), ['2026-03-28T23:30Z', '2026-03-29T02:30Z']);
  const quarters = utc('*/15 * * * *');
  for (const timeZone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']) {
    for (const day of ['2026-03-08', '2026-03-29', '2026-04-04', '2026-10-03', '2026-10-25', '2026-11-01']) {
      const from = at(`${day}T00:00:00Z`);
      t.same(slotsAfter({ ...quarters, timeZone }, from, 96), slotsAfter(quarters, from, 96), `${timeZone} ${day}`);
    }
  }
});

t.test('a schedule that never fires is a fault of its own', async (t) => {
  for (const cron of ['0 0 31 2 *', '0 0 30 FEB *', '0 0 31 4,6,9,11 *']) {
    t.match(checkSchedule(utc(cron), NOW), [{ path: '/policy/schedule/cron', message: /^never fires/ }], cron);
  }
  t.equal(slotAfter(utc('0 0 31 2 *'), NOW), null);
  t.same(slotsAfter(utc('0 0 31 2 *'), NOW, 5), []);
  t.equal(shortestGap(utc('0 0 31 2 *'), NOW), null);
});

t.test('what is outside the dialect is refused', async (t) => {
  const shape = [
    '',
    ' ',
    '* * * *',
    '* * * * * * *',
    '0 3  1 * *',
    ' 0 3 1 * *',
    '0 3 1 * * ',
    '0 3 1 *\t*',
    '@daily',
    '? * * * *',
    '1.5 * * * *',
    '+1 * * * *',
  ];
  for (const cron of [...shape, `0${',1'.repeat(50)} * * * *`, '0 3 1 * *\n']) {
    t.match(checkSchedule(utc(cron), NOW), [{ path: '/policy/schedule/cron', message: /^must have five fields/ }], JSON.stringify(cron));
  }
  const fields = [
    '60 * * * *',
    '* 24 * * *',
    '0 0 0 * *',
    '0 0 32 * *',
    '0 0 * 13 *',
    '0 0 * 0 *',
    '0 0 * * 8',
    '60 0 0 * * *',
    '-1 * * * *',
  ];
  const forms = [
    '*/0 * * * *',
    '*/61 * * * *',
    '5/20 * * * *',
    '10-5 * * * *',
    '0 0 * * FRI-MON',
    '0 0 * * 5#6',
    '0 0 * * 5#0',
    '1,,2 * * * *',
  ];
  const words = [
    'a b c d e',
    '0x5 * * * *',
    '0 0 * * SUNDAY',
    'H * * * *',
    '0 0 W * *',
    '0 0 L-3 * *',
    'L * * * *',
    '0 0 1 1 * 2027',
    '/5 * * * *',
  ];
  for (const cron of [...fields, ...forms, ...words]) {
    t.match(checkSchedule(utc(cron), NOW), [{ path: '/policy/schedule/cron', message: /out of range or not in the dialect/ }], cron);
  }
});

t.test('no text makes the check throw or quotes itself in a fault', async () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 30 }), fc.string({ maxLength: 20 }), (cron, timeZone) => {
      checkSchedule({ cron, timeZone }, NOW);
      return checkSchedule(utc(`${cron} * * * *`), NOW).every(({ message }) => cron.length < 8 || !message.includes(cron));
    }),
  );
});

t.test('a time zone is a name of the IANA database', async (t) => {
  for (const timeZone of ['UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'Etc/GMT+2', 'US/Eastern']) {
    t.same(checkSchedule({ cron: '0 3 * * *', timeZone }, NOW), [], timeZone);
  }
  for (const timeZone of ['', '+02:00', '-05', 'UTC+1', 'Mars/Base', ' UTC', 'Europe/Berlin\n', 'a'.repeat(1_000)]) {
    t.match(checkSchedule({ cron: '0 3 * * *', timeZone }, NOW), [{ path: '/policy/schedule/timeZone' }], timeZone);
  }
});

t.test('slots between two instants are counted after the first and up to the last', async (t) => {
  const hourly = utc('0 * * * *');
  const noon = at('2026-01-15T12:00:00Z');
  const table: [number, number, number][] = [
    [noon, noon, 0],
    [noon - 1, noon, 1],
    [noon - 1, noon - 1, 0],
    [noon, noon + HOUR - 1, 0],
    [noon, noon + HOUR, 1],
    [noon, noon + HOUR + 1, 1],
    [noon, noon - HOUR, 0],
    [noon, noon + 10 * DAY, 100],
  ];
  for (const [from, to, expected] of table) t.equal(slotsBetween(hourly, from, to, 100), expected, `${from - noon} to ${to - noon}`);
  t.equal(slotsBetween(hourly, noon, noon + DAY, 1_000), 24);
});

t.test('the shortest gap sees short months and the day of 23 hours', async (t) => {
  const gap = (cron: string, timeZone = 'UTC') => shortestGap({ cron, timeZone }, NOW);
  t.equal(gap('* * * * * *'), SECOND);
  t.equal(gap('0 0,1 * * *'), HOUR);
  t.equal(gap('0,59 * * * *'), MINUTE);
  t.equal(gap('0 3 1 * *'), 28 * DAY);
  t.equal(gap('0 3 * * *'), DAY);
  t.equal(gap('0 3 * * *', 'Europe/Berlin'), 23 * HOUR);
  t.equal(gap('0 3 * * *', 'Australia/Lord_Howe'), 23.5 * HOUR);
  t.equal(shortestGap(utc('0 0 29 2 *'), at('9995-01-01T00:00:00Z')), null);
});
