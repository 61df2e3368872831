import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import t from 'tap';
import { buildProgram } from '../../src/cli/program.ts';
import { review } from '../../src/core/review/review.ts';
import { CASES } from '../core/review/cases.ts';
import { silent } from './help-texts.ts';

/** The commands in a remedy: from `keyturn` to a comma, a semicolon or a colon, or to the end. */
function commandsIn(remedy: string): string[] {
  return [...remedy.matchAll(/\bkeyturn (?!\.)[^,;:)]+/g)].map(([command]) =>
    command.replace(/ (?:(?:and|with|in|again)\b|…).*$/, '').trim(),
  );
}

function faultOf(program: Command, line: string): string | null {
  const words = line.split(' ').slice(1);
  let command = program;
  for (const word of words) {
    const child: Command | undefined = command.commands.find((candidate) => candidate.name() === word);
    if (child === undefined) break;
    command = child;
  }
  if (command === program) return `${line}: there is no such command`;
  const known = command.options.flatMap(({ long }) => long ?? []);
  const unknown = words.find((word) => word.startsWith('--') && !known.includes(word));
  return unknown === undefined ? null : `${line}: there is no ${unknown}`;
}

t.test('every command that a remedy tells somebody to type exists, with its options', async (t) => {
  const program = buildProgram({ ...silent, stdout: new PassThrough() });
  const remedies = CASES.flatMap(({ id, bad }) =>
    review(bad)
      .findings.filter((finding) => finding.id === id)
      .map(({ remedy }) => remedy),
  );
  const commands = remedies.flatMap(commandsIn);
  t.ok(commands.length > 25, 'they are seen');
  const faults = commands.flatMap((line) => faultOf(program, line) ?? []);
  t.same(faults, []);
  t.equal(faultOf(program, 'keyturn rotate web --raeson x'), 'keyturn rotate web --raeson x: there is no --raeson');
});
