import { resolve } from 'node:path';
import Type from 'typebox';
import Value from 'typebox/value';
import type { Fault } from '../core/errors.ts';
import { NAME_PATTERN, parseKeyringName } from '../core/name.ts';
import { SECOND } from '../core/time.ts';
import { type AgentKeyring, type AgentSettings, FLASK_VARIABLES, type KeyFile, SOURCES, type Template } from '../ports/sidecar.ts';
import {
  FILE_MODE_PATTERN,
  isWhole,
  OWNER_PATTERN,
  parseMode,
  parseOwner,
  SOCKET_MODE_PATTERN,
  toSource,
  VARIABLE_PATTERN,
} from './delivery.ts';
import { toSeconds } from './duration.ts';
import { type FileReader, readText } from './files.ts';
import { invalidConfig } from './load.ts';
import { shapeFaults } from './shape.ts';
import { parseYaml } from './yaml.ts';

const closed = { additionalProperties: false };
const optional = Type.Optional;
const text = (description: string, options: Type.TStringOptions = {}) => Type.String({ minLength: 1, ...options, description });
const group = Type.Integer({ minimum: 0, maximum: 2 ** 31, description: 'the number of a group' });
const source = text(`one of ${SOURCES.join(', ')}`, { pattern: `^(?:${SOURCES.join('|')})$` });

const File = Type.Object(
  {
    path: text('a path'),
    template: Type.Union([Type.Literal('env'), Type.Literal('json'), Type.Literal('raw')], { description: 'one of env, json, raw' }),
    variables: optional(
      Type.Record(Type.String({ pattern: VARIABLE_PATTERN }), source, {
        ...closed,
        minProperties: 1,
        description: `a mapping of names of variables to one of ${SOURCES.join(', ')}`,
      }),
    ),
    source: optional(source),
    mode: optional(text('a mode in quotes that gives others nothing, such as "0600" or "0640"', { pattern: FILE_MODE_PATTERN })),
    owner: optional(text('numbers in quotes: "user:group", "user" or ":group"', { pattern: OWNER_PATTERN })),
  },
  closed,
);

const Keyring = Type.Object(
  {
    name: text('a keyring name', { pattern: NAME_PATTERN }),
    files: optional(Type.Array(File, { maxItems: 32, description: 'a list of at most 32 files' })),
    onChange: optional(
      Type.Array(text('a word of the command'), { minItems: 1, maxItems: 100, description: 'a list: a program and its arguments' }),
    ),
    settle: optional(
      Type.Refine(
        Type.Union([Type.Number(), Type.String()], { description: 'a duration from 0 to 86400 seconds, such as 60s' }),
        (value) => (toSeconds(value) ?? -1) >= 0 && (toSeconds(value) ?? 0) <= 86_400,
      ),
    ),
    oneKeyOnly: optional(Type.Boolean({ description: 'true or false' })),
  },
  closed,
);

const Socket = Type.Object(
  {
    path: text('a path of at most 100 characters', { maxLength: 100 }),
    mode: optional(text('"0600", or "0660" for a group', { pattern: SOCKET_MODE_PATTERN })),
    group: optional(group),
  },
  closed,
);

const AgentFile = Type.Object(
  {
    cacheDir: optional(text('a path')),
    instance: optional(text('1 to 128 letters, digits, . _ : @ / -', { pattern: '^[A-Za-z0-9._:@/-]{1,128}$' })),
    socket: optional(Socket),
    keyrings: Type.Array(Keyring, { minItems: 1, maxItems: 100, description: 'a list of 1 to 100 keyrings' }),
  },
  closed,
);
type AgentFile = Type.Static<typeof AgentFile>;
type FileShape = Type.Static<typeof File>;

/** @throws KeyturnError `invalid_config` with every fault */
export function loadAgentFile(path: string, cwd: string, read: FileReader): AgentSettings {
  const file = readText(read, resolve(cwd, path));
  if ('fault' in file) throw invalidConfig([{ path: '--config', message: file.fault }]);
  const { tree, faults } = parseYaml(file.value.text, path);
  if (faults.length > 0) throw invalidConfig(faults);
  return agentSettings(tree, cwd);
}

/**
 * The settings that a file, or a command line put into the same shape, stands for.
 * @throws KeyturnError `invalid_config` with every fault
 */
export function agentSettings(tree: unknown, cwd: string): AgentSettings {
  const faults = shapeFaults(AgentFile, tree);
  if (faults.length > 0 || !Value.Check(AgentFile, tree)) throw invalidConfig(faults);
  const broken = ruleFaults(tree, cwd);
  if (broken.length > 0) throw invalidConfig(broken);
  const { socket, cacheDir, instance = null, keyrings } = tree;
  return {
    keyrings: keyrings.map((keyring) => keyringOf(keyring, cwd)),
    socket:
      socket === undefined
        ? null
        : { path: resolve(cwd, socket.path), mode: parseMode(socket.mode ?? '0600'), group: socket.group ?? null },
    cacheDir: cacheDir === undefined ? null : resolve(cwd, cacheDir),
    instance,
  };
}

function keyringOf({ name, files = [], onChange, settle = 60 }: AgentFile['keyrings'][number], cwd: string): AgentKeyring {
  return {
    name: parseKeyringName(name),
    files: files.map((file) => fileOf(file, cwd)),
    onChange: onChange ?? null,
    settle: (toSeconds(settle) ?? 0) * SECOND,
  };
}

function fileOf(file: FileShape, cwd: string): KeyFile {
  const { path, mode = '0600', owner = '' } = file;
  return { path: resolve(cwd, path), template: templateOf(file), mode: parseMode(mode), owner: parseOwner(owner) };
}

function templateOf({ template, variables, source = 'all' }: FileShape): Template {
  if (template === 'json') return { kind: 'json' };
  if (template === 'raw') return { kind: 'raw', source: toSource(source) };
  if (variables === undefined) return { kind: 'env', variables: FLASK_VARIABLES };
  return { kind: 'env', variables: Object.entries(variables).map(([name, source]) => ({ name, source: toSource(source) })) };
}

function ruleFaults({ keyrings, socket }: AgentFile, cwd: string): Fault[] {
  const paths = [...keyrings.flatMap(({ files = [] }) => files), ...(socket === undefined ? [] : [socket])].map(({ path }) =>
    resolve(cwd, path),
  );
  const names = keyrings.map(({ name }) => name);
  return [
    ...(new Set(paths).size < paths.length ? [{ path: '/keyrings', message: 'two files have the same path' }] : []),
    ...(new Set(names).size < names.length ? [{ path: '/keyrings', message: 'a keyring is named twice' }] : []),
    ...keyrings.flatMap((keyring, index) => keyringFaults(keyring, `/keyrings/${index}`, socket !== undefined)),
  ];
}

function keyringFaults({ files = [], oneKeyOnly = false }: AgentFile['keyrings'][number], path: string, hasSocket: boolean): Fault[] {
  const extra = files.flatMap((file, index) => fileFaults(file, `${path}/files/${index}`));
  if (files.length === 0) return hasSocket ? extra : [{ path, message: 'has neither files nor a socket to hand its keys to anybody' }];
  const holdsAll = files.some(({ template, variables, source }) => {
    const sources = template === 'raw' ? [source ?? 'all'] : Object.values(variables ?? { list: 'all' });
    return template === 'json' || isWhole(sources.map(toSource));
  });
  if (holdsAll || oneKeyOnly || hasSocket) return extra;
  const message =
    'gives out one key only, which logs everybody out at each rotation: add the source all, or accept that with oneKeyOnly: true';
  return [...extra, { path, message }];
}

function fileFaults({ template, variables, source }: FileShape, path: string): Fault[] {
  return [
    ...(variables !== undefined && template !== 'env' ? [{ path: `${path}/variables`, message: 'is for the template env' }] : []),
    ...(source !== undefined && template !== 'raw' ? [{ path: `${path}/source`, message: 'is for the template raw' }] : []),
  ];
}
