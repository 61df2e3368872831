import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runToEnd, start } from './keyturn.ts';

type Env = Readonly<Record<string, string>>;

/** The command line, in a folder without any settings. */
export async function keyturnProcess(t: Parameters<typeof start>[0], args: readonly string[], env: Env) {
  const { code, stdout, stderr } = await runToEnd(t, { cwd: '/', env, args });
  return { exit: code, out: stdout, err: stderr };
}

export async function servedProcess(t: Parameters<typeof start>[0], env: Env) {
  const running = start(t, { cwd: '/', env });
  const stop = async (): Promise<void> => {
    running.kill('SIGTERM');
    await running.ended;
  };
  const url = await running.url;
  const token = () => readFileSync(join(env.KEYTURN_DATA_DIR ?? '', 'admin.token'), 'utf8').trim();
  return { url, stop, call: (path: string, payload?: object, as = token()) => call(`${url}${path}`, as, payload) };
}

// biome-ignore lint/suspicious/noExplicitAny: answers are compared with literals, which is the check of their type
async function call(url: string, token: string, payload?: object): Promise<any> {
  const headers = { authorization: `Bearer ${token}`, ...(payload && { 'content-type': 'application/json' }) };
  const answer = await fetch(url, { headers, ...(payload && { method: 'POST', body: JSON.stringify(payload) }) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
}
