/** One line of the table. */
export interface Result {
  readonly what: string;
  readonly figure: string;
  /** Empty = printed to explain the others. */
  readonly target: string;
  /** Null without a target. */
  readonly met: boolean | null;
}

/** Each row is measured by itself, with servers of its own, in under a minute. */
export type Row = () => Promise<readonly Result[]>;

export function least(what: string, value: number, target: number, figure: string): Result {
  return { what, figure, target: `≥ ${target}`, met: value >= target };
}

export function under(what: string, value: number, target: number, unit: string, more = ''): Result {
  return { what, figure: `${shown(value)} ${unit}${more}`, target: `< ${target} ${unit}`, met: value < target };
}

export function fact(what: string, figure: string): Result {
  return { what, figure, target: '', met: null };
}

export function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
