/** A cryptographically secure generator, and what an auditor wants to know of it. */
export interface Random {
  bytes(count: number): Buffer;
  readonly description: { readonly generator: string; readonly runtime: string; readonly openssl: string };
}
