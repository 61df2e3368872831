import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { agentSettings, loadAgentFile } from '../../src/config/agent.ts';
import { readFromDisk } from '../../src/config/files.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { FLASK_VARIABLES } from '../../src/ports/sidecar.ts';
import { temporaryFolder } from '../support/sqlite.ts';

const FILE = `
cacheDir: cache
socket: { path: /run/keyturn/keys.sock, mode: "0660", group: 990 }
keyrings:
  - name: web
    files:
      - { path: web.env, template: env, mode: "0640", owner: ":1000" }
      - path: /run/web.json
        template: json
        owner: "33:33"
    onChange: [systemctl, reload, web]
    settle: 2m
  - name: api
    files:
      - { path: api.env, template: env, variables: { API_KEYS: current-first } }
`;

function faultsOf(tree: unknown): string[] {
  try {
    agentSettings(tree, '/');
    return [];
  } catch (error) {
    return error instanceof KeyturnError ? error.faults.map(({ path, message }) => `${path} ${message}`) : [String(error)];
  }
}

t.test('a file of an agent is read with its defaults, paths from the folder in which it was started', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'agent.yaml'), FILE);
  const nobody = { user: null, group: null };
  t.same(loadAgentFile('agent.yaml', folder, readFromDisk), {
    cacheDir: join(folder, 'cache'),
    instance: null,
    socket: { path: '/run/keyturn/keys.sock', mode: 0o660, group: 990 },
    keyrings: [
      {
        name: 'web',
        files: [
          {
            path: join(folder, 'web.env'),
            template: { kind: 'env', variables: FLASK_VARIABLES },
            mode: 0o640,
            owner: { user: null, group: 1_000 },
          },
          { path: '/run/web.json', template: { kind: 'json' }, mode: 0o600, owner: { user: 33, group: 33 } },
        ],
        onChange: ['systemctl', 'reload', 'web'],
        settle: 120_000,
      },
      {
        name: 'api',
        files: [
          {
            path: join(folder, 'api.env'),
            template: { kind: 'env', variables: [{ name: 'API_KEYS', source: 'current-first' }] },
            mode: 0o600,
            owner: nobody,
          },
        ],
        onChange: null,
        settle: 60_000,
      },
    ],
  });
});

t.test('every fault is named, and no value is repeated', async (t) => {
  const file = (more: object) => ({ keyrings: [{ name: 'web', files: [{ path: 'a', template: 'raw', ...more }] }] });
  const cases: [string, unknown, RegExp][] = [
    ['others could read it', file({ mode: '0644' }), /mode must be a mode in quotes that gives others nothing/],
    ['a mode that YAML reads as a decimal', file({ mode: 640 }), /mode must be a mode in quotes/],
    ['an owner by name', file({ owner: 'www-data' }), /owner must be numbers in quotes/],
    ['an unknown source', file({ source: 'hunter2' }), /source must be one of current, flask, all/],
    ['a word of another template', file({ variables: { A: 'all' } }), /variables is for the template env/],
    ['one key only', file({ source: 'current' }), /logs everybody out at each rotation/],
    ['a socket for everybody', { keyrings: [{ name: 'web' }], socket: { path: 's', mode: '0666' } }, /socket\/mode must be/],
    ['nobody gets anything', { keyrings: [{ name: 'web' }] }, /neither files nor a socket/],
    ['a name twice', { keyrings: [{ name: 'a' }, { name: 'a' }], socket: { path: 's' } }, /a keyring is named twice/],
    ['a path twice', { keyrings: [{ name: 'a', files: [{ path: 's', template: 'json' }] }], socket: { path: '/s' } }, /the same path/],
    ['a command as one text', { keyrings: [{ name: 'a', onChange: 'rm -rf' }], socket: { path: 's' } }, /must be a list: a program/],
    ['a misspelt field', { keyring: [] }, /is not a setting \(did you mean keyrings\?\)/],
  ];
  for (const [name, tree, said] of cases) {
    const faults = faultsOf(tree);
    t.ok(
      faults.some((fault) => said.test(fault)),
      `${name}: ${faults}`,
    );
    t.notMatch(faults.join(), 'hunter2');
  }
});

t.test('one key only is possible where its owner accepts what it means', async (t) => {
  const files = [{ path: 'a', template: 'raw', source: 'current' }];
  t.same(faultsOf({ keyrings: [{ name: 'web', files, oneKeyOnly: true }] }), []);
});
