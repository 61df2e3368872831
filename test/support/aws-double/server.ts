import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Action } from '../../../src/stores/aws/secrets.ts';
import { type Fields, Refusal, SecretsOfAws } from './secrets.ts';

/** An answer in place of the right one. */
export interface Fault {
  readonly status: number;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What goes wrong with the next call of an action. */
type Trouble =
  | { readonly how: 'fail'; readonly fault: Fault }
  | { readonly how: 'lose answer' }
  | { readonly how: 'die half way' }
  | { readonly how: 'wait'; readonly until: Promise<unknown> };

/** AWS Secrets Manager on a port of 127.0.0.1, with what no emulator shows: throttling, late reads, writers that die, answers that are lost. */
export class AwsDouble {
  readonly secrets = new SecretsOfAws();
  /** Every call that came in, in order. */
  readonly calls: { readonly action: string; readonly fields: Fields; readonly headers: IncomingMessage['headers'] }[] = [];
  /** So many reads from now on are answered as of the last `secrets.remember()`. */
  lateReads = 0;
  /** Reads by version id are late too. */
  lateVersions = false;
  /** While set, every call is answered so. */
  refusal: Fault | null = null;
  /** Lists are answered as of the last `secrets.remember()`. */
  lateLists = false;
  readonly #troubles = new Map<string, Trouble[]>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  static async start(t: { teardown(action: () => unknown): void }): Promise<AwsDouble> {
    const double = new AwsDouble();
    double.#server.listen(0, '127.0.0.1');
    await once(double.#server, 'listening');
    t.teardown(() => double.stop());
    return double;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** How many calls of these actions came in; with none named, of all. */
  count(...actions: readonly Action[]): number {
    return this.calls.filter(({ action }) => actions.length === 0 || actions.some((each) => each === action)).length;
  }

  failNext(action: Action, fault: Fault, times = 1): void {
    for (let time = 0; time < times; time++) this.#expect(action, { how: 'fail', fault });
  }

  /** The call is carried out, and the connection breaks. */
  loseNextAnswer(action: Action): void {
    this.#expect(action, { how: 'lose answer' });
  }

  /** The next put makes its version and moves no label, and the connection breaks. */
  dieHalfWay(): void {
    this.#expect('PutSecretValue', { how: 'die half way' });
  }

  /** The next call is carried out when the promise is kept. */
  delayNext(action: Action, until: Promise<unknown>): void {
    this.#expect(action, { how: 'wait', until });
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #expect(action: Action, trouble: Trouble): void {
    this.#troubles.set(action, [...(this.#troubles.get(action) ?? []), trouble]);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const action = String(request.headers['x-amz-target']).replace('secretsmanager.', '');
    const fields: Fields = JSON.parse(await text(request));
    this.calls.push({ action, fields, headers: request.headers });
    if (this.refusal !== null) return refuse(response, this.refusal);
    const trouble = this.#troubles.get(action)?.shift();
    if (trouble?.how === 'fail') return refuse(response, trouble.fault);
    if (trouble?.how === 'wait') await trouble.until;
    const [status, body] = this.#carryOut(action, fields, trouble?.how === 'die half way');
    if (trouble?.how === 'lose answer' || trouble?.how === 'die half way') request.socket.destroy();
    else send(response, status, body);
  }

  #carryOut(action: string, fields: Fields, half: boolean): [number, Fields] {
    try {
      return [200, this.#act(action, fields, half)];
    } catch (error) {
      if (error instanceof Refusal) return [400, { __type: error.type, message: error.message }];
      throw error;
    }
  }

  #act(action: string, fields: Fields, half: boolean): Fields {
    const { secrets } = this;
    switch (action) {
      case 'GetSecretValue':
        return secrets.get(fields, this.#isLate(fields.VersionId !== undefined));
      case 'BatchGetSecretValue':
        return secrets.batch(fields, this.#isLate(false));
      case 'ListSecrets':
        return secrets.list(fields, this.lateLists);
      case 'CreateSecret':
        return secrets.create(fields);
      case 'PutSecretValue':
        return secrets.put(fields, half);
      case 'UpdateSecretVersionStage':
        return secrets.move(fields);
      case 'DeleteSecret':
        return secrets.delete(fields);
      default:
        throw new Refusal('InvalidRequestException', `the double does not know ${action}`);
    }
  }

  #isLate(byVersion: boolean): boolean {
    if (this.lateReads === 0 || (byVersion && !this.lateVersions)) return false;
    this.lateReads--;
    return true;
  }
}

function refuse(response: ServerResponse, { status, type, headers }: Fault): void {
  send(response, status, { __type: type, message: 'as told' }, headers);
}

function send(response: ServerResponse, status: number, body: Fields, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': 'double-1', ...headers });
  response.end(JSON.stringify(body));
}
