import { type Command, Option } from 'commander';

export interface JsonOption {
  readonly json?: true;
}

type Example = readonly [command: string, why?: string];

/** The examples under a command's help. */
export function examples(...lines: readonly Example[]): string {
  const written = lines.map(([command, why]) => (why === undefined ? `  $ ${command}` : `  # ${why}\n  $ ${command}`));
  return `\nExamples:\n${written.join('\n')}`;
}

/** A key comes from a file or from standard input: arguments can be read by every process of the machine. */
export function addKeySource(command: Command): Command {
  return command
    .addOption(new Option('--key-file <path>', 'import the key in this file instead of making one').conflicts('keyStdin'))
    .option('--key-stdin', 'import the key from standard input');
}
