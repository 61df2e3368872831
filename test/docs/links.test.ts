import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { type Command, CommanderError } from 'commander';
import t from 'tap';
import { buildProgram } from '../../src/cli/program.ts';
import { silent } from '../cli/help-texts.ts';
import { brokenLinks, fencesOf, type Page, pagesIn, spansOf } from './pages.ts';

const pages = pagesIn('.', '.md');

t.test('every relative link of every page leads to a file, and to a heading that is there', async (t) => {
  t.ok(pages.length > 30, 'the pages are seen');
  for (const page of pages) t.same(brokenLinks(page), [], page.path);
  const page = {
    path: 'README.md',
    text: '# A `word`, and more\n[1](#a-word-and-more) [2](#other) [3](docs/none.md) [4](docs/api.md#none)',
  };
  t.same(brokenLinks(page), ['#other', 'docs/none.md', 'docs/api.md#none']);
});

t.test('every page that a text or a message names is there', async (t) => {
  const texts = [...pages, ...pagesIn('src', '.ts'), ...pagesIn('bench', '.ts'), ...pagesIn('.', '.yaml'), ...pagesIn('.', '.yml')];
  const named = texts.flatMap(({ path, text }) => [...text.matchAll(/(?<![\w/])docs\/[\w./-]+\.md\b/g)].map(([page]) => ({ path, page })));
  t.ok(named.length > 20, 'they are seen');
  t.same(
    named.filter(({ page }) => !existsSync(page)),
    [],
  );
});

t.test('docs/architecture.md lists the folders that there are', async (t) => {
  const listed = [...readFileSync('docs/architecture.md', 'utf8').matchAll(/^ {2}(\w+)\/ {2,}\S/gm)].map(([, folder]) => folder);
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  t.same(listed.sort(), folders.map(({ name }) => name).sort());
});

t.test('every npm script that a page names exists', async (t) => {
  const named = pages.flatMap(({ path, text }) => [...text.matchAll(/npm run ([a-z:]+)/g)].map(([, script = '']) => `${path}: ${script}`));
  t.ok(named.length > 10, 'they are seen');
  const scriptsOf = (path: string) => Object.keys(JSON.parse(readFileSync(path, 'utf8')).scripts);
  const [own, client] = [scriptsOf('package.json'), scriptsOf('clients/node/package.json')];
  const exists = (line: string) => (line.startsWith('clients/node/') ? client : own).includes(line.split(': ')[1] ?? '');
  t.same(
    named.filter((line) => !exists(line)),
    [],
  );
});

/** Where a shell would look for a command: at the beginning of a line, or after the command that runs it; `npx` and settings may stand before. */
const TYPED = /(?:^|[|;&(] *|\* {2}|exec keyturn |=\/usr\/bin\/)(?:\$ )?(?:[A-Z_]+=\S+ )*(?:npx )?keyturn ([^`\n]+)/;
const SHELL = ['', 'console', 'sh', 'bash', 'ini'];

function commandsIn(page: Page): string[] {
  const lines = fencesOf(page).flatMap(({ language, lines }) => (SHELL.includes(language) ? lines : []));
  return [...lines, ...spansOf(page)].flatMap((line) => TYPED.exec(line)?.[1] ?? []).filter((line) => !/^ *[.…=]/.test(line));
}

/** What stands in the place of something that only the reader knows. */
const IN_PLACE: readonly (readonly [RegExp, string])[] = [
  [/<id[^>]*>/g, 'a1B2c3D4e5F6'],
  [/<version>/g, '1'],
  [/<[a-z][^>]*>/g, 'web'],
  [/\$\([^)]*\)/g, 'x'],
];

/** The words of a command line up to what is the shell's own: a comment, a pipe, a redirection. */
function wordsOf(line: string): string[] {
  const text = IN_PLACE.reduce((before, [placeholder, value]) => before.replaceAll(placeholder, value), line);
  const words = [...text.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) => word);
  const end = words.findIndex((word) => /^(?:#|[|<>;&)…])/.test(word));
  return (end < 0 ? words : words.slice(0, end)).map((word) => word.replace(/;$/, '').replaceAll(/"([^"]*)"|'([^']*)'/g, '$1$2'));
}

/** What the program itself says to a command line, without doing anything; null where it would run it. A command that is only named is not run. */
async function faultOf(line: string): Promise<string | null> {
  const program = buildProgram({ ...silent, stdout: new PassThrough() });
  const words = wordsOf(line);
  const command = words.reduce<Command>((at, word) => at.commands.find((child) => child.name() === word) ?? at, program);
  if (command === program && !words[0]?.startsWith('-')) return `${line}: there is no such command`;
  if (words.at(-1) === command.name()) return null;
  command.action(() => {});
  try {
    await program.parseAsync(words, { from: 'user' });
    return null;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return null;
    return `${line}: ${error instanceof Error ? error.message : 'fails'}`;
  }
}

t.test('every keyturn command of the docs is one that the program takes, with its options and values', async (t) => {
  const commands = pages.flatMap((page) => commandsIn(page).map((line) => ({ path: page.path, line })));
  t.ok(commands.length > 80, `they are seen: ${commands.length}`);
  const faults: string[] = [];
  for (const { path, line } of commands) {
    const fault = await faultOf(line);
    if (fault !== null) faults.push(`${path}: ${fault}`);
  }
  t.same(faults, []);
});

t.test('a command that the program would not take is found', async (t) => {
  for (const line of [
    'rotaet web',
    'rotate web --raeson x',
    'create',
    'create Web',
    'rotate web --kind sudden --reason x',
    'token new a b',
  ]) {
    if (line === 'create') t.equal(await faultOf(line), null, 'only named');
    else t.type(await faultOf(line), 'string', line);
  }
});
