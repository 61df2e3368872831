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

/** What a variable is called by custom. Another word where a name belongs may be the key itself, typed there by mistake: it is not said again. */
const CUSTOMARY = /^[A-Z][A-Z0-9_]{0,39}$/;

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
    `${CUSTOMARY.test(name) ? `The variable ${name}` : 'The variable that was named'} is ${text === '' ? 'empty' : 'not set'} here. Export it, or name the file that sets it.`,
  );
}

async function fromFile(place: string): Promise<Secret> {
  const [, path, name] = /^(.+):([A-Za-z_][A-Za-z0-9_]{0,127})$/.exec(place) ?? [];
  if (path === undefined || name === undefined) return secretOf(await contentsAt(place), `The file ${place}`);
  const text = parseEnv(await contentsOf(path))[name];
  if (text !== undefined && text !== '') return secretOf(text, `The setting ${name}`);
  const said = CUSTOMARY.test(name) ? name : 'what was named after the colon';
  throw new Failure(EXIT.usage, `The file ${path} ${text === '' ? 'gives nothing to' : 'does not set'} ${said}. Check the name.`);
}

async function contentsAt(place: string): Promise<string> {
  if (!place.includes(':')) return contentsOf(place);
  return contentsOf(place).catch((cause: unknown) => {
    const message = 'What --from-file names cannot be read. Check the path and its permissions, and the name after the colon.';
    throw new Failure(EXIT.usage, message, { cause });
  });
}
