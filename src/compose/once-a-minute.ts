import { codeOf, type ErrorCode } from '../core/errors.ts';
import { MINUTE, type Millis } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';

/** Tells of one failure of a code each minute: an outage is a line a minute in the log, not two a second. */
export function onceAMinute(clock: Pick<Clock, 'uptime'>, tell: (error: unknown) => void): (error: unknown) => void {
  const told = new Map<ErrorCode, Millis>();
  return (error) => {
    const code = codeOf(error);
    const now = clock.uptime();
    if (now - (told.get(code) ?? -MINUTE) < MINUTE) return;
    told.set(code, now);
    tell(error);
  };
}
