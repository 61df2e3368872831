import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';

export interface SocketAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** GET over a unix socket. */
export async function askSocket(socketPath: string, path: string, headers: Record<string, string> = {}): Promise<SocketAnswer> {
  const asked = request({ socketPath, path, headers, agent: false });
  asked.end();
  const [answer]: IncomingMessage[] = await once(asked, 'response');
  if (answer === undefined) throw new Error('There is no answer.');
  let body = '';
  for await (const chunk of answer.setEncoding('utf8')) body += String(chunk);
  return { status: answer.statusCode ?? 0, headers: answer.headers, body };
}
