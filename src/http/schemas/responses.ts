import type { ErrorCode } from '../../core/errors.ts';
import { PROBLEMS } from '../problem.ts';
import { Problem } from './common.ts';

export interface Response {
  description: string;
  headers?: Record<string, unknown>;
  content: Record<string, { schema: unknown; examples?: unknown }>;
}

/** The header of answers that hold keys or tokens. */
export const NO_STORE = { type: 'string', enum: ['no-store'], description: 'Nothing on the way may keep it.' };

/** What any guarded route may answer. */
const ALWAYS: readonly ErrorCode[] = [
  'invalid_request',
  'unauthenticated',
  'forbidden',
  'rate_limited',
  'store_unavailable',
  'audit_unavailable',
  'shutting_down',
  'internal',
];

/** What any route that changes a keyring may answer. */
export const ON_CHANGE: readonly ErrorCode[] = [
  'body_too_large',
  'unsupported_media_type',
  'conflict',
  'clock_behind',
  'store_full',
  'store_read_only',
];

/** For answers that a route serialises itself: documented, not typed. */
export function written(responses: Record<number, unknown>): Record<number, unknown> {
  return responses;
}

/** The refusals of a route, by status, for its schema. */
export function problems(...codes: readonly ErrorCode[]): Record<number, Response> {
  return byStatus([...codes, ...ALWAYS]);
}

/** The refusals of a route that needs no token. */
export function openProblems(...codes: readonly ErrorCode[]): Record<number, Response> {
  return byStatus([...codes, 'internal']);
}

function byStatus(codes: readonly ErrorCode[]): Record<number, Response> {
  const grouped = Map.groupBy(new Set(codes), (code) => PROBLEMS[code][0]);
  return Object.fromEntries([...grouped].map(([status, group]) => [status, problem(status, group)]));
}

const HEADERS: Readonly<Record<number, Record<string, unknown>>> = {
  401: { 'WWW-Authenticate': { type: 'string', description: 'Bearer, with the realm.' } },
  429: { 'Retry-After': { type: 'integer', description: 'Seconds.' } },
  503: { 'Retry-After': { type: 'integer', description: 'Seconds, where trying again makes sense.' } },
};

function problem(status: number, codes: readonly ErrorCode[]): Response {
  const description = codes.map((code) => `\`${code}\`: ${PROBLEMS[code][1]}.`).join(' ');
  const examples = Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]));
  const headers = HEADERS[status];
  return { description, ...(headers && { headers }), content: { 'application/problem+json': { schema: Problem, examples } } };
}
