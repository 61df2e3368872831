import { InvalidArgumentError } from 'commander';
import { toSeconds } from '../config/duration.ts';

/**
 * Whole seconds of a duration as people type it: a number and one unit (`90s`, `15m`, `24h`, `31d`, `2w`), nothing else. The dialect of
 * the config file.
 * @throws InvalidArgumentError
 */
export function parseDuration(text: string): number {
  const seconds = toSeconds(text);
  if (seconds !== null) return seconds;
  throw new InvalidArgumentError('Write a whole number and a unit: 90s, 15m, 24h, 31d or 2w.');
}

/** A duration in words, exactly: `31 days`, `1 day 30 s`, `60 s` is `1 min`. */
export function durationInWords(seconds: number): string {
  if (seconds === 0) return '0 s';
  const parts = [
    [Math.floor(seconds / 86_400), 'day'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  return parts
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit === 'day' && amount > 1 ? 'days' : unit}`)
    .join(' ');
}
