import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** One `$ command` of a page, with what it answered. */
export interface Entry {
  readonly command: string;
  readonly output: string;
}

/** A page in pieces: text, and the entries of its console blocks. */
export type Piece = string | readonly Entry[];

const BLOCK = /(?<=^```console\n)[\s\S]*?(?=^```$)/m;

export function parse(page: string): Piece[] {
  const found = BLOCK.exec(page);
  if (found === null) return [page];
  const [block] = found;
  return [page.slice(0, found.index), entriesOf(block), ...parse(page.slice(found.index + block.length))];
}

function entriesOf(block: string): Entry[] {
  return block
    .split(/^(?=\$ )/m)
    .filter((entry) => entry !== '')
    .map((entry) => {
      const end = entry.indexOf('\n');
      return { command: entry.slice(2, end), output: entry.slice(end + 1) };
    });
}

export function write(pieces: readonly Piece[]): string {
  const entry = ({ command, output }: Entry): string => `$ ${command}\n${output}${output === '' || output.endsWith('\n') ? '' : '\n'}`;
  return pieces.map((piece) => (typeof piece === 'string' ? piece : piece.map(entry).join(''))).join('');
}

const MARK = '\u001e';

/** Types all commands into one shell, in a folder; standard error goes with the output. */
export async function rerun(pieces: readonly Piece[], cwd: string, rewrite: (text: string) => string): Promise<Piece[]> {
  const commands = pieces.flatMap((piece) => (typeof piece === 'string' ? [] : piece.map(({ command }) => command)));
  const outputs = await typeAll(commands.map(rewrite), cwd);
  let next = 0;
  return pieces.map((piece) =>
    typeof piece === 'string' ? piece : piece.map(({ command }) => ({ command, output: outputs[next++] ?? '' })),
  );
}

async function typeAll(commands: readonly string[], cwd: string): Promise<string[]> {
  const shell = spawn('bash', [], { cwd, stdio: ['pipe', 'pipe', 'inherit'] });
  shell.stdin.end(`exec 2>&1\n${commands.map((command) => `${command}\nprintf '${MARK}'\n`).join('')}`);
  let text = '';
  shell.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(shell, 'close');
  return text.split(MARK).slice(0, -1);
}

/** Keys and tokens of an output, masked. */
export function masked(output: string): string {
  return output
    .replaceAll(/keyturn_([0-9A-Za-z]{12})_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}/g, 'keyturn_$1_…')
    .replaceAll(/("key": ?")([0-9a-f]{4})[0-9a-f]{60}"/g, '$1$2…"');
}

/** What differs from run to run, made equal, so that two runs can be compared. */
export function levelled(page: string): string {
  return (
    page
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '(instant)')
      .replaceAll(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/g, '(date)')
      .replaceAll(/\b\d+-[0-9a-f]{12}\b/g, '(revision)')
      .replaceAll(/\b[0-9a-f]{12}-[0-9a-z]+\b/g, '(request)')
      .replaceAll(/"[0-9a-f]{24}\.(\d+\.\d+\.\d+(?:\.\(request\))?)"/g, '"(change).$1"')
      .replaceAll(/keyturn_[0-9A-Za-z]{12}_/g, 'keyturn_(id)_')
      .replaceAll(/(token:|"id": ?")[0-9A-Za-z]{12}\b/g, '$1(id)')
      .replaceAll(/"key": ?"[0-9a-f]{4}…"/g, '"key":"(key)"')
      // A lease shrinks with the age of the proof behind it, which is up to a second old.
      .replaceAll(/\b86(?:400|39\d)\b/g, '(lease)')
      .replaceAll(/(content-length|keep-alive): .*/gi, '$1: …')
  );
}
