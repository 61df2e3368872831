import { readFile } from 'node:fs/promises';
import { Secret } from '../core/secret.ts';
import { EXIT, Failure } from './failure.ts';
import type { Session } from './session.ts';

const MAX_SECRET_LENGTH = 16_384;

/** Where a secret may come from; never from an argument, which every process of the machine can read. */
export interface KeySource {
  readonly keyFile?: string;
  readonly keyStdin?: true;
}

/** @throws Failure `usage` for an empty, long or unreadable source */
export async function secretFrom(source: KeySource, session: Session): Promise<Secret | null> {
  if (source.keyFile !== undefined) return secretFromFile(source.keyFile);
  return source.keyStdin === true ? secretFromStdin(session, 'key') : null;
}

/** @throws Failure `usage` for an empty, long or unreadable file */
export async function secretFromFile(file: string): Promise<Secret> {
  return secretOf(await contentsOf(file), `The file ${file}`);
}

/** Reads standard input to its end. One newline at the end, which editors and `echo` add, is not part of the secret. */
export async function secretFromStdin({ stdin, note }: Pick<Session, 'stdin' | 'note'>, what: string): Promise<Secret> {
  if (stdin.isTTY === true) note(`Paste the ${what}, press Enter, then Ctrl-D. It will be visible here.\n`);
  let text = '';
  stdin.setEncoding('utf8');
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.length > MAX_SECRET_LENGTH) break;
  }
  return secretOf(text, 'Standard input');
}

/** @throws Failure `usage` */
export async function contentsOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new Failure(EXIT.usage, `The file ${file} cannot be read. Check its path and its permissions.`, { cause });
  }
}

/** @throws Failure `usage` for nothing, or far more than a secret */
export function secretOf(text: string, source: string): Secret {
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw new Failure(EXIT.usage, `${source} holds nothing. Give it the secret, and nothing else.`);
  if (secret.length > MAX_SECRET_LENGTH) throw new Failure(EXIT.usage, `${source} holds far more than one secret.`);
  return new Secret(secret);
}
