import type { Test } from 'tap';
import type { Killed } from './campaign.ts';

/** Each death happened where it was planned, and left nothing wrong. */
export function expectations(t: Test, done: readonly Killed[]): void {
  for (const { operation, point, killed, violations } of done) {
    const moment = `${operation}, killed ${point.when} ${point.step} ${point.nth}`;
    t.ok(killed, `${moment}: the step was reached`);
    t.same(violations, [], moment);
  }
}
