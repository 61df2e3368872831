import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { KeyturnError } from '../core/errors.ts';
import { PROBLEMS, problemOf } from './problem.ts';

/** What the server says of bytes that are no request, or none that it takes: on the bare connection, which is closed then. */
export function unreadable(nextId: () => string, logger: FastifyBaseLogger) {
  return (failure: Error & { readonly code?: string }, socket: Socket): void => {
    if (failure.code === 'ECONNRESET' || socket.destroyed) return;
    const requestId = nextId();
    const error = refusalOf(failure.code);
    logger.info({ reqId: requestId, code: error.code }, 'request refused');
    if (socket.writable) socket.write(answer(error, requestId));
    socket.destroy(failure);
  };
}

function refusalOf(code: string | undefined): KeyturnError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new KeyturnError(
        'headers_too_large',
        'The path and the headers together are larger than this service accepts. Send fewer or shorter ones.',
      );
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new KeyturnError('request_timeout', 'The request did not arrive whole in time. Send it again, in one go.');
    default:
      return new KeyturnError(
        'invalid_request',
        'This is not HTTP as the service speaks it. Check the address, the scheme and the client.',
      );
  }
}

function answer(error: KeyturnError, requestId: string): string {
  const problem = problemOf(error, requestId);
  const body = JSON.stringify(problem);
  const [status, title] = PROBLEMS[error.code];
  const headers = [
    `HTTP/1.1 ${status} ${title}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
  ];
  return `${headers.join('\r\n')}\r\n\r\n${body}`;
}
