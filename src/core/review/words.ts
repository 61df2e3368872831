import { DAY, HOUR, MINUTE, type Millis, SECOND } from '../time.ts';

const UNITS: readonly (readonly [size: Millis, unit: string])[] = [
  [365 * DAY, 'years'],
  [DAY, 'days'],
  [HOUR, 'hours'],
  [MINUTE, 'minutes'],
];

/** A length of time in the largest unit that it holds twice, rounded down: `3 years`, `95 days`, `90 seconds`. */
export function span(length: Millis): string {
  const [size, unit] = UNITS.find(([size]) => length >= 2 * size) ?? [SECOND, 'seconds'];
  return count(Math.floor(length / size), unit.slice(0, -1));
}

/** `1 token`, `2 tokens`. */
export function count(amount: number, one: string, many = `${one}s`): string {
  return `${amount} ${amount === 1 ? one : many}`;
}

/** The first few of many names. */
export function some(names: readonly string[], most = 5): string {
  const rest = names.length - most;
  return rest > 0 ? `${names.slice(0, most).join(', ')} and ${rest} more` : names.join(', ');
}

/** A word for the shell, in quotes where it needs them. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Whether only this machine can reach an address: a host as it stands in a setting, or in a URL. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}

/** The host of a URL that was checked before. */
export function hostOf(url: string): string {
  return URL.parse(url)?.hostname ?? '';
}
