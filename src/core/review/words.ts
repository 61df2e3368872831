import { DAY, HOUR, MINUTE, type Millis, SECOND } from '../time.ts';

const UNITS: readonly (readonly [size: Millis, one: string, many: string])[] = [
  [2 * 365 * DAY, 'year', 'years'],
  [DAY, 'day', 'days'],
  [HOUR, 'hour', 'hours'],
  [MINUTE, 'minute', 'minutes'],
];
const YEAR = 365 * DAY;

/** A length of time in one unit, rounded down: `95 days`, `3 years`, `40 seconds`. Years count from two on. */
export function span(length: Millis): string {
  const [size, one, many] = UNITS.find(([size]) => length >= size) ?? [SECOND, 'second', 'seconds'];
  const amount = Math.floor(length / (one === 'year' ? YEAR : size));
  return `${amount} ${amount === 1 ? one : many}`;
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
