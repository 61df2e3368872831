import type { ErrorCode } from '../../core/errors.ts';
import { PROBLEMS } from '../problem.ts';
import { Problem } from './common.ts';

export interface Response {
  description: string;
  content: Record<string, { schema: unknown }>;
}

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
  return Object.fromEntries([...grouped].map(([status, group]) => [status, problem(group)]));
}

function problem(codes: readonly ErrorCode[]): Response {
  const description = codes.map((code) => `\`${code}\`: ${PROBLEMS[code][1]}.`).join(' ');
  return { description, content: { 'application/problem+json': { schema: Problem } } };
}
