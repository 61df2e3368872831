import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type TLSSocketOptions } from 'node:tls';
import { KeyturnError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Tls {
  /** PEM, the chain included. */
  readonly cert: string;
  readonly key: Secret;
}

/** @throws KeyturnError `invalid_config` naming the file that cannot be read, or both where they do not fit together */
export function readTls({ certFile, keyFile }: TlsFiles): Tls {
  const [cert, key] = [read(certFile), read(keyFile)];
  try {
    createSecureContext({ cert, key });
  } catch {
    throw new KeyturnError(
      'invalid_config',
      `The TLS certificate ${certFile} and the key ${keyFile} cannot be used together. Check that both are PEM and belong together.`,
    );
  }
  return { cert, key: new Secret(key) };
}

/** A server whose certificate can be replaced while it runs. */
export interface SecureServer {
  setSecureContext(options: TLSSocketOptions & { cert: string; key: string }): void;
}

/** Whether it was made with a certificate. Fastify types every server as a plain one. */
export function isSecure(server: object): server is SecureServer {
  return 'setSecureContext' in server;
}

/**
 * Looks whether the files have changed since the last look and, if so, serves new connections with what they hold now. A pair that does not
 * fit together, as while only one file is replaced, throws and leaves the old one in service.
 */
export class TlsReloader {
  readonly #files: TlsFiles;
  readonly #server: SecureServer;
  #seen: string;

  constructor(files: TlsFiles, server: SecureServer) {
    this.#files = files;
    this.#server = server;
    this.#seen = this.#fingerprint();
  }

  /** @returns whether a new certificate is in service */
  look(): boolean {
    const now = this.#fingerprint();
    if (now === this.#seen) return false;
    const { cert, key } = readTls(this.#files);
    this.#server.setSecureContext({ cert, key: key.reveal(), minVersion: 'TLSv1.2' });
    this.#seen = now;
    return true;
  }

  #fingerprint(): string {
    return [this.#files.certFile, this.#files.keyFile].map((file) => stateOf(file)).join(' ');
  }
}

function stateOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? 'absent' : `${stat.ino}.${stat.mtimeMs}.${stat.size}`;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new KeyturnError('invalid_config', `The TLS file ${file} cannot be read. Check its path and its permissions.`, { cause });
  }
}
