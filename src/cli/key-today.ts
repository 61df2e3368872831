import { parseEnv } from 'node:util';
import type { Secret } from '../core/secret.ts';
import { EXIT, Failure } from './failure.ts';
import { contentsOf, secretOf } from './input.ts';
import type { Session } from './session.ts';

/** Where an application has its key today. Never an argument. */
export interface KeyToday {
  /** The name of a variable. */
  readonly fromEnv?: string;
  /** The path of a file that holds the key and nothing else; or `PATH:NAME`, for the line `NAME=…` of a `.env` or settings file. */
  readonly fromFile?: string;
}

/** @throws Failure `usage` where there is no key, saying where it was looked for */
export async function keyToday(source: KeyToday, session: Pick<Session, 'variable'>): Promise<Secret> {
  if (source.fromEnv !== undefined && source.fromFile === undefined) return fromVariable(source.fromEnv, session);
  if (source.fromFile !== undefined && source.fromEnv === undefined) return fromFile(source.fromFile);
  throw new Failure(EXIT.usage, 'Say where the key is today: --from-env <name>, --from-file <path> or --from-file <path>:<name>.');
}

function fromVariable(name: string, { variable }: Pick<Session, 'variable'>): Secret {
  const text = variable(name);
  if (text !== undefined && text !== '') return secretOf(text, `The variable ${name}`);
  throw new Failure(
    EXIT.usage,
    `The variable ${name} is ${text === '' ? 'empty' : 'not set'} here. Export it, or name the file that sets it.`,
  );
}

async function fromFile(place: string): Promise<Secret> {
  const [, path, name] = /^(.+):([A-Za-z_][A-Za-z0-9_]{0,127})$/.exec(place) ?? [];
  if (path === undefined || name === undefined) return secretOf(await contentsOf(place), `The file ${place}`);
  const text = parseEnv(await contentsOf(path))[name];
  if (text !== undefined && text !== '') return secretOf(text, `The setting ${name}`);
  throw new Failure(EXIT.usage, `The file ${path} ${text === '' ? 'gives nothing to' : 'does not set'} ${name}. Check the name.`);
}
