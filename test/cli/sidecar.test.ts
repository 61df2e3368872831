import t from 'tap';
import type { AgentSettings, ExecRequest } from '../../src/ports/sidecar.ts';
import { keyturn } from './keyturn.ts';

async function typed(argv: readonly string[]) {
  const requests: (ExecRequest | AgentSettings)[] = [];
  const take = async (request: ExecRequest | AgentSettings): Promise<number> => {
    requests.push(request);
    return 42;
  };
  const { exit, err } = await keyturn(argv, {}, { sidecar: async () => ({ exec: take, agent: take }) });
  return { exit, err, request: requests[0] };
}

t.test('exec takes the program as it is typed, and gives its exit code', async (t) => {
  const { exit, request } = await typed(['exec', 'web', '--grace', '5s', '--cache', 'c', '--', 'flask', 'run', '--debug', '--env', 'x']);
  t.equal(exit, 42);
  t.match(request, {
    keyring: 'web',
    command: ['flask', 'run', '--debug', '--env', 'x'],
    variables: [
      { name: 'FLASK_SECRET_KEY', source: 'flask' },
      { name: 'FLASK_SECRET_KEY_FALLBACKS', source: 'all' },
    ],
    onChange: { kind: 'restart' },
    grace: 5_000,
    minInterval: 60_000,
    splay: 30_000,
    cacheFile: '/c',
    keysFile: null,
  });
  const signalled = await typed(['exec', 'web', '--keys-file', 'k', '--on-change', 'signal:SIGHUP', '--', 'server']);
  t.match(signalled.request, { keysFile: '/k', variables: [], onChange: { kind: 'signal', signal: 'SIGHUP' } });
});

t.test('agent takes one keyring from its options', async (t) => {
  const { exit, request } = await typed([
    'agent',
    'web',
    '--env-file',
    'e',
    '--mode',
    '0640',
    '--on-change',
    '["a","-b"]',
    '--socket',
    's',
  ]);
  t.equal(exit, 42);
  t.match(request, {
    cacheDir: null,
    socket: { path: '/s', mode: 0o600 },
    keyrings: [{ name: 'web', files: [{ path: '/e', mode: 0o640, template: { kind: 'env' } }], onChange: ['a', '-b'], settle: 60_000 }],
  });
});

t.test('what cannot work is refused before anything runs, and what may be a key is not repeated', async (t) => {
  const lines: [string[], RegExp][] = [
    [['exec', 'web'], /missing required argument 'command'/],
    [['exec', 'web', '--env', 'SECRET=hunter2', '--', 'x'], /--env is NAME=current/],
    [['exec', 'web', '--env', 'SECRET=current', '--', 'x'], /logs everybody out at each rotation/],
    [['exec', 'web', '--on-change', 'signal:SIGHUP', '--', 'x'], /environment of a running program cannot change/],
    [['exec', 'web', '--on-change', 'signal:SIGKILL', '--', 'x'], /Write restart, or signal:/],
    [['agent'], /Name one keyring with its files/],
    [['agent', 'web', '--config', 'x'], /Name one keyring with its files/],
    [['agent', 'web', '--env-file', 'e', '--env', 'SECRET=hunter2'], /--env is NAME=current/],
    [['agent', 'web', '--env-file', 'e', '--on-change', 'systemctl'], /Write a JSON list/],
    [['agent', 'web', '--json-file', 'e', '--mode', '0644'], /The configuration has a fault/],
  ];
  for (const [argv, said] of lines) {
    const { exit, err, request } = await typed(argv);
    t.match([exit, request, err], [2, undefined, said], argv.join(' '));
    t.notMatch(err, 'hunter2');
  }
});
