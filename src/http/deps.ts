import type { FastifyBaseLogger } from 'fastify';
import type { FleetDeps } from '../app/fleet.ts';
import type { CreateDeps } from '../app/keyrings.ts';
import type { KeyReader } from '../app/read-keys.ts';
import type { Readiness } from '../app/readiness.ts';
import type { Waiters } from '../app/waiters.ts';
import type { Policy } from '../core/policy.ts';
import type { Secret } from '../core/secret.ts';
import type { AuditLog, AuditRetention } from '../ports/audit.ts';
import type { Authenticator, Principal, Role } from '../ports/authenticator.ts';
import type { Page } from '../ports/store.ts';
import type { TokenId, TokenRecord } from '../ports/tokens.ts';
import type { KeysAnswers } from './keys-answer.ts';
import type { Recording } from './recording/record.ts';

export interface IssueToken {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly keyrings: readonly string[];
  readonly expiresInSeconds: number | null;
}

export type TokenOrigin = 'issued' | 'config';

/** Issues, lists and revokes tokens. */
export interface TokenDesk {
  /** @throws KeyturnError `forbidden` when the issuer hands out more keyrings than it may touch itself */
  issue(by: Principal, wanted: IssueToken): Promise<{ readonly text: Secret; readonly record: TokenRecord }>;
  /** Only tokens that reach no further than the caller. */
  list(
    by: Principal,
    after: TokenId | null,
    limit: number,
  ): Promise<Page<{ readonly record: TokenRecord; readonly origin: TokenOrigin }, TokenId>>;
  /** @throws KeyturnError `token_not_found`, `token_protected` */
  revoke(by: Principal, id: TokenId, reason: string): Promise<TokenRecord>;
}

export interface HttpMetrics {
  answered(route: string, method: string, status: number, seconds: number): void;
  /** Keep what it returns: the way without a look-up. */
  answersOf(route: string, method: string, status: number): { add(seconds: number): void };
  /** One that came while as many were open as may be. */
  connectionRefused(): void;
  readonly contentType: string;
  text(): Promise<string>;
}

export interface HttpSettings {
  /** Whose X-Forwarded-For is believed: nobody, everybody, or these addresses and networks. */
  readonly trustProxy: boolean | readonly string[];
  readonly bodyBytes: number;
  /** Failed authentications that one address may make in a minute before it hears 429. */
  readonly failedAuthPerMinute: number;
  readonly notFoundPerMinute: number;
  /** Keyrings that do not exist which one token may ask the keys of in a minute. */
  readonly unknownNamesPerMinute: number;
  /** Open at the same time; more are closed at once. */
  readonly connections: number;
  /** Longest `?wait=`, in seconds; longer ones are cut to it. */
  readonly maxWaitSeconds: number;
  readonly metricsAccess: 'open' | 'token';
  readonly docs: boolean;
  /** Laid over the built-in defaults of new keyrings. */
  readonly policyDefaults: Partial<Policy>;
  /** Certificate and key in PEM; null = plain HTTP. */
  readonly tls: { readonly cert: string; readonly key: Secret } | null;
}

export interface HttpDeps {
  readonly service: CreateDeps;
  readonly reader: KeyReader;
  readonly fleet: FleetDeps;
  readonly waiters: Waiters;
  readonly authenticator: Authenticator;
  readonly tokens: TokenDesk;
  readonly answers: KeysAnswers;
  readonly recording: Recording;
  /** Milliseconds with fractions since some moment. */
  readonly stopwatch: () => number;
  readonly audit: AuditLog;
  readonly retention: AuditRetention;
  readonly readiness: () => Readiness;
  readonly metrics: HttpMetrics;
  /** An encrypted copy of everything. @throws KeyturnError `backup_not_configured` … */
  readonly backup: () => Promise<AsyncIterable<Buffer>>;
  readonly settings: HttpSettings;
  readonly logger: FastifyBaseLogger;
}
