import Table from 'cli-table3';
import type { NaiveRun } from './naive.ts';
import type { Checked } from './tally.ts';
import type { KeyturnRun } from './with-keyturn.ts';

const number = (value: number): string => value.toLocaleString('en');

const of = ({ rejected, accepted }: Checked): string => `${number(rejected)} of ${number(rejected + accepted)}`;

/** Both runs side by side. */
export function comparison({ tally, rotations, seconds }: KeyturnRun, naive: NaiveRun): string {
  const table = new Table({
    head: ['', 'with Keyturn', 'naive'],
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  table.push(
    ['rotations', number(rotations.scheduled), number(naive.rotations)],
    ['  by the cron schedule', number(rotations.bySlot), '-'],
    ['  signed early, because all had the key', number(rotations.early), '-'],
    ['seconds', number(seconds), number(naive.seconds)],
    ['requests answered', number(tally.requests), number(naive.tally.requests)],
    ['rejected sessions', of(tally.sessions), of(naive.tally.sessions)],
    ['rejected forms', of(tally.forms), of(naive.tally.forms)],
    ['lost logins', of(tally.logins), of(naive.tally.logins)],
    ['other failures', number(tally.faults.rejected), number(naive.tally.faults.rejected)],
    ['503, lease ended, in the outage beyond a lease', number(tally.leaseEndedInOutage), '-'],
    ['  workers that stopped then', number(tally.failedClosed), '-'],
    ['503, lease ended, at other times', number(tally.leaseEndedElsewhere), '-'],
    ['sent again, because a worker was down', number(tally.unanswered), number(naive.tally.unanswered)],
    ['too old on arrival, not judged', number(tally.tooOld), number(naive.tally.tooOld)],
  );
  return table.toString();
}

/** That the run met what it is about: signatures by other versions than their verifier signs with. */
export function crossings({ tally }: KeyturnRun): string {
  const table = new Table({
    head: ['accepted', 'in all', 'signed by an earlier version', 'by a later one', 'most versions between'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const { what, accepted, bySomeEarlier, bySomeLater, widest } of [tally.sessions, tally.forms, tally.logins]) {
    table.push([`${what}s`, number(accepted), number(bySomeEarlier), number(bySomeLater), number(widest)]);
  }
  return table.toString();
}
