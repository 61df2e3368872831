const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
const DURATION = /^(\d{1,9})([smhdw])$/;

/** Seconds from a number (seconds) or a text such as `90s`, `15m`, `24h`, `31d`, `2w`; null for anything else. */
export function toSeconds(value: unknown): number | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : null;
  const [, count, unit] = typeof value === 'string' ? (DURATION.exec(value) ?? []) : [];
  return count === undefined || unit === undefined ? null : Number(count) * (UNITS[unit] ?? 1);
}
