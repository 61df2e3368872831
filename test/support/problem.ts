import { PROBLEMS } from '../../src/http/problem.ts';
import type { Called } from './service.ts';

/** What is wrong with a refusal as such; null = it is a problem as the API promises it. */
export function problemFault({ status, headers, body, text }: Called): string | null {
  if (status < 400 || status >= 500) return `status ${status}`;
  if (headers['content-type'] !== 'application/problem+json; charset=utf-8') return `content type ${headers['content-type']}`;
  if (headers['cache-control'] !== 'no-store') return 'it may be cached';
  const row = Object.hasOwn(PROBLEMS, body?.code) ? PROBLEMS[body.code as keyof typeof PROBLEMS] : undefined;
  if (row === undefined || row[0] !== status || body.status !== status || body.title !== row[1])
    return `code ${body?.code} with status ${status}`;
  if (body.type !== `urn:keyturn:problem:${body.code}`) return `type ${body.type}`;
  if (!/^[0-9a-f]{12}-[0-9a-z]+$/.test(body.requestId)) return `request id ${body.requestId}`;
  if (typeof body.detail !== 'string' || body.detail.length < 20) return `detail ${body.detail}`;
  if (/node_modules|\.ts:\d|\bat \w+ \(|Error:|FST_/.test(text)) return 'it shows the inside';
  return null;
}
