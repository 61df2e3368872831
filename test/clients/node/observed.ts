import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  codeOf,
  type KeyringEvent,
  type KeyringOptions,
  type LogFields,
  type LogLevel,
  openKeyring,
} from '../../../clients/node/src/index.ts';
import { type Teardown, TOKEN } from './keys-service.ts';

/** What tests of a keyring see of it: its events, its log, its failures. */

export function folder(t: Teardown): string {
  const path = mkdtempSync(join(tmpdir(), 'keyturn-client-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** The next thing that the keyring reports, so that no test waits by guessing. */
export function events() {
  const seen: KeyringEvent[] = [];
  const waiting = new Set<() => void>();
  return {
    seen,
    onEvent: (event: KeyringEvent) => {
      seen.push(event);
      for (const wake of waiting) wake();
    },
    async until(count: number): Promise<void> {
      while (seen.length < count) await new Promise<void>((resolve) => void waiting.add(resolve));
    },
  };
}

export interface Line {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

export function lines() {
  const all: Line[] = [];
  return { all, log: (level: LogLevel, message: string, fields: LogFields) => void all.push({ level, message, fields }) };
}

export const failure = async (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => codeOf(error),
  );

export const rejection = (options: KeyringOptions) =>
  failure(openKeyring('web', { environment: {}, token: TOKEN, log: () => {}, ...options }));
