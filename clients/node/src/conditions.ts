export type LogLevel = 'info' | 'warn' | 'error';

/** Facts of a log line. Never a key, a token or a cookie. */
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

export type Log = (level: LogLevel, message: string, fields: LogFields) => void;

/** What is wrong for a while: it is logged when it begins and when it ends, not each time it is met. */
export class Conditions {
  readonly #log: Log;
  readonly #open = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Logs unless this condition holds already for the same reason. */
  begin(condition: string, level: LogLevel, message: string, fields: LogFields, reason = ''): void {
    if (this.#open.get(condition) === reason) return;
    this.#open.set(condition, reason);
    this.say(level, message, fields);
  }

  /** Logs if the condition held. */
  end(condition: string, message: string, fields: LogFields): void {
    if (this.#open.delete(condition)) this.say('info', message, fields);
  }

  /** A logger that throws must not take the application with it. */
  say(level: LogLevel, message: string, fields: LogFields): void {
    try {
      this.#log(level, message, fields);
    } catch {}
  }
}

/** Lines on standard error, good news left out. */
export function logToStderr(level: LogLevel, message: string, fields: LogFields): void {
  if (level !== 'info') process.stderr.write(`keyturn: ${level}: ${message} ${JSON.stringify(fields)}\n`);
}
