import { type Command, InvalidArgumentError } from 'commander';
import { agentSettings, loadAgentFile } from '../../config/agent.ts';
import { parseVariable } from '../../config/delivery.ts';
import { readFromDisk } from '../../config/files.ts';
import type { AgentSettings } from '../../ports/sidecar.ts';
import { collect, parseInstance, parseName } from '../arguments.ts';
import { EXIT, Failure } from '../failure.ts';
import type { Session } from '../session.ts';
import { examples } from './shared.ts';

interface AgentOptions {
  readonly config?: string;
  readonly envFile?: readonly string[];
  readonly env?: readonly string[];
  readonly jsonFile?: readonly string[];
  readonly rawFile?: readonly string[];
  readonly mode?: string;
  readonly owner?: string;
  readonly onChange?: readonly string[];
  readonly settle?: string;
  readonly socket?: string;
  readonly socketMode?: string;
  readonly cacheDir?: string;
  readonly instance?: string;
  readonly oneKeyOnly?: true;
}

const NOTES = `
What happens:
  - Files are replaced whole (written beside, synced, renamed), belong to nobody but their owner and group, and hold the keys only while the
    lease lasts. When it ends and the service is silent they are removed, and the log says so once; they come back with the service. They
    are removed when the agent is stopped, too.
  - The command runs without a shell after each change, their removal included; KEYTURN_EVENT is changed or withdrawn, KEYTURN_KEYRING the name.
  - The service learns that this instance has a new key --settle after the files were written and the command was done.
  - The socket answers GET /v1/keyrings/NAME/keys as the service does, with what is left of the lease. Who may open it may have the keys.`;

export function addAgent(program: Command, session: Session): void {
  program
    .command('agent')
    .summary('keep files with keys up to date, for programs beside it')
    .description(
      'Keep the keys of one keyring, or of those in a config file, in files and on a local socket, for programs that take no library. Runs until ' +
        'it is told to stop (SIGTERM, Ctrl-C).',
    )
    .argument('[name]', 'a keyring', parseName)
    .option('--config <path>', 'a YAML file with several keyrings; see docs/clients/agent.md')
    .option('--env-file <path>', "lines NAME='value', by default the two variables of Flask", collect)
    .option('--env <NAME=value>', 'a variable of --env-file instead, as for keyturn exec; may be given several times', collect)
    .option('--json-file <path>', 'all keys with their versions and roles', collect)
    .option('--raw-file <path>', 'a JSON list of every key; the one that signs is the last', collect)
    .option('--mode <mode>', 'of the files (default: 0600)')
    .option('--owner <user:group>', 'of the files, in numbers')
    .option('--on-change <list>', 'a command as a JSON list of its words', parseCommand)
    .option('--settle <duration>', 'until programs have surely read a changed file (default: 60s)')
    .option('--socket <path>', 'a unix socket that answers local programs')
    .option('--socket-mode <mode>', 'default: 0600')
    .option('--cache-dir <path>', 'a folder for encrypted caches: with them it starts while the service is down and the lease lasts')
    .option('--instance <id>', 'the name in the view of the fleet (default: host name and process id)', parseInstance)
    .option('--one-key-only', 'accept that every rotation logs everybody out, for programs that take a single key')
    .addHelpText('after', NOTES)
    .addHelpText(
      'after',
      examples(
        ['keyturn agent --config /etc/keyturn/agent.yaml'],
        ['keyturn agent web --env-file /run/web/keys.env --on-change \'["systemctl","restart","web"]\''],
        ['keyturn agent web --json-file /run/web/keys.json --mode 0640 --owner :1000 --cache-dir /var/lib/keyturn-agent'],
        ['keyturn agent web --socket /run/keyturn/keys.sock'],
        ['curl --unix-socket /run/keyturn/keys.sock http://localhost/v1/keyrings/web/keys'],
      ),
    )
    .action((name: string | undefined, options: AgentOptions) => agent(session, name, options));
}

async function agent(session: Session, name: string | undefined, options: AgentOptions): Promise<void> {
  const settings = settingsOf(session, name, options);
  const sidecar = await session.sidecar();
  session.endWith(await sidecar.agent(settings));
}

function settingsOf({ cwd }: Session, name: string | undefined, { config, ...options }: AgentOptions): AgentSettings {
  const isFile = config !== undefined;
  if (isFile === (name !== undefined) || (isFile && Object.keys(options).length > 0))
    throw new Failure(EXIT.usage, 'Name one keyring with its files, or a file with --config and no other options.');
  if (isFile) return loadAgentFile(config, cwd, readFromDisk);
  return agentSettings(withoutUndefined(treeOf(name ?? '', options)), cwd);
}

/** The command line in the shape of the file. */
function treeOf(name: string, options: Omit<AgentOptions, 'config'>): object {
  const { mode, owner, onChange, settle, socket, socketMode, cacheDir, instance, oneKeyOnly } = options;
  const file = (template: string, more: object) => (path: string) => ({ path, template, mode, owner, ...more });
  const variables = options.env === undefined ? undefined : Object.fromEntries(options.env.map(variable));
  const files = [
    ...(options.envFile ?? []).map(file('env', { variables })),
    ...(options.jsonFile ?? []).map(file('json', {})),
    ...(options.rawFile ?? []).map(file('raw', {})),
  ];
  return {
    cacheDir,
    instance,
    socket: socket === undefined ? undefined : { path: socket, mode: socketMode },
    keyrings: [{ name, files, onChange, settle, oneKeyOnly }],
  };
}

function variable(text: string): [string, string] {
  const parsed = parseVariable(text);
  if (parsed !== null) return [parsed.name, parsed.source];
  // What was typed is not repeated: it may be a key.
  throw new Failure(EXIT.usage, '--env is NAME=current, NAME=flask, NAME=all or NAME=current-first, with the name of a variable.');
}

function withoutUndefined(tree: object): unknown {
  return JSON.parse(JSON.stringify(tree));
}

function parseCommand(text: string): string[] {
  const words = parseList(text);
  if (words.length > 0 && words.every((word) => typeof word === 'string')) return words;
  throw new InvalidArgumentError('Write a JSON list of words: \'["systemctl","reload","web"]\'.');
}

function parseList(text: string): unknown[] {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}
