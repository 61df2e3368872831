import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { DatabaseSync, StatementSync } from 'node:sqlite';

/** One moment at which a child kills itself: before or after the nth call of a named step, counted from when it is armed. */
export interface KillPoint {
  readonly step: string;
  readonly nth: number;
  readonly when: 'before' | 'after';
}

/** How often each step was passed since `arm`. */
const passed = new Map<string, number>();
let armed = false;
let target: KillPoint | null = null;

/** Counts from here on. @param point null = only counts */
export function arm(point: KillPoint | null): void {
  [armed, target] = [true, point];
}

export function disarm(): void {
  armed = false;
}

export function counted(): Record<string, number> {
  return Object.fromEntries(passed);
}

/** As a power cut would: nothing of the process runs after it. */
function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Runs one call of a step, unless the process ends before it. */
export function through<Result>(step: string, call: () => Result): Result {
  if (!armed) return call();
  const nth = (passed.get(step) ?? 0) + 1;
  passed.set(step, nth);
  const isTarget = target?.step === step && target.nth === nth;
  if (isTarget && target?.when === 'before') die();
  const result = call();
  if (!isTarget) return result;
  if (!(result instanceof Promise)) die();
  return (result as Promise<unknown>).finally(die) as Result;
}

// biome-ignore lint/suspicious/noExplicitAny: functions of Node, of whatever kind
type Anything = any;

export function wrap(owner: Anything, name: string, step: (args: readonly unknown[]) => string): void {
  const original = owner[name];
  owner[name] = function (this: unknown, ...args: unknown[]) {
    return through(step(args), () => original.apply(this, args));
  };
}

const verbOf = (sql: unknown): string => String(sql).trim().split(/\s+/, 1)[0]?.toUpperCase() ?? '';
const sources = new WeakMap<object, string>();

/** The marks of a move are steps of their own: they decide who may serve. */
function stepOf(where: string, verb: string, values: readonly unknown[]): string {
  const phase = values.map((value) => /^\{"id".*"phase":"(\w+)"/.exec(String(value))?.[1]).find((found) => found !== undefined);
  return phase === undefined ? `${where} ${verb}` : `mark ${phase}`;
}

/** Puts a step around every statement that changes something in PostgreSQL. @param client the prototype of its client library */
export function probePostgres(client: { query: unknown }): void {
  const original = client.query as (...args: unknown[]) => unknown;
  client.query = function (this: unknown, ...args: unknown[]): unknown {
    const verb = verbOf(args[0]);
    const values = Array.isArray(args[1]) ? args[1] : [];
    return verb === 'SELECT' ? original.apply(this, args) : through(stepOf('postgres', verb, values), () => original.apply(this, args));
  };
}

/** Puts a step around what reaches the disk: SQLite's statements and the files. Call it before the program is imported. */
export function installProbes(): void {
  const prepare = DatabaseSync.prototype.prepare;
  DatabaseSync.prototype.prepare = function (...args) {
    const statement = prepare.apply(this, args);
    sources.set(statement, verbOf(args[0]));
    return statement;
  };
  wrap(DatabaseSync.prototype, 'exec', ([sql]) => `sql ${verbOf(sql)}`);
  for (const name of ['run', 'all'] as const) {
    const original = StatementSync.prototype[name] as (...args: unknown[]) => unknown;
    const wrapped = function (this: StatementSync, ...args: unknown[]): unknown {
      const verb = sources.get(this) ?? '';
      return verb === 'SELECT' ? original.apply(this, args) : through(stepOf('sql', verb, args), () => original.apply(this, args));
    };
    Object.defineProperty(StatementSync.prototype, name, { value: wrapped });
  }
  for (const name of ['renameSync', 'copyFileSync', 'fsyncSync', 'rmSync']) wrap(fs, name, () => `file ${name}`);
  for (const name of ['rename', 'copyFile', 'mkdtemp', 'rm']) wrap(promises, name, () => `file ${name}`);
  syncBuiltinESMExports();
}
