import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { createClient } from '../../src/cli/client.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { run } from '../../src/cli/run.ts';

/** Where the help of every command is kept, for the docs to agree with. */
export const GOLDEN = new URL('./golden/', import.meta.url);

/** What a program is built with that nobody runs. */
export const silent = {
  client: createClient(() => {
    throw new Error('Help asks nobody.');
  }),
  stderr: new PassThrough(),
  stdin: new PassThrough(),
  variable: () => undefined,
  isTerminal: false,
  clock: { now: () => 0 },
  random: { bytes: (count: number) => Buffer.alloc(count), description: { generator: '', runtime: '', openssl: '' } },
  atMachine: () => Promise.reject(new Error('Help asks nobody.')),
  healthTarget: () => {
    throw new Error('Help asks nobody.');
  },
  serve: async () => {},
  sidecar: () => Promise.reject(new Error('This test runs no other program.')),
  cwd: '/',
  auditTools: async () => {
    throw new Error('Help reads no log.');
  },
  version: '0.0.0-test',
};

/** `keyturn … --help` of every command, by file name. */
export async function helpTexts(): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const words of commandLines(buildProgram({ ...silent, stdout: new PassThrough() }))) {
    texts.set(`${['keyturn', ...words].join('-')}.txt`, await help(words));
  }
  return texts;
}

async function help(words: readonly string[]): Promise<string> {
  const stdout = new PassThrough();
  await run([...words, '--help'], { ...silent, stdout });
  return String(stdout.read() ?? '');
}

function commandLines(command: Command, words: readonly string[] = []): (readonly string[])[] {
  return [words, ...command.commands.flatMap((child) => commandLines(child, [...words, child.name()]))];
}
