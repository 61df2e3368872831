import { constants } from 'node:os';
import { type Millis, SECOND } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** Ctrl-C reaches a program under npm twice: from the terminal and from npm. What follows so soon is the same wish. */
const ECHO: Millis = SECOND / 2;

/** The first signal that asks to stop. A later one, of either kind, ends the process at once, with the exit code that shells know it by. */
export function untilSignal(clock: Pick<Clock, 'uptime'>): Promise<string> {
  return new Promise((resolve) => {
    let first: Millis | null = null;
    const heard = (signal: NodeJS.Signals): void => {
      first ??= clock.uptime();
      if (clock.uptime() - first > ECHO) process.exit(128 + constants.signals[signal]);
      resolve(signal);
    };
    for (const signal of SIGNALS) process.on(signal, heard);
  });
}
