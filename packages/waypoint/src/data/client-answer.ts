import { AmbitError } from '@ambit/core/errors';
import { ErrorCode } from '@ambit/http/h2/frames';
import type { ClientExchange, ServerExchange } from '@ambit/http/exchange';
import { type FieldList, fieldValue } from '@ambit/http/h2/message-fields';
import type { BufferPool } from '@ambit/reactor/buffer-pool';
import type { CompiledDestination, CompiledRoute } from '@ambit/traffic/compiled-service';
import { type FieldChanges, withChanges } from '@ambit/traffic/authorizer/field-changes';
import type { CompiledCors } from '@ambit/traffic/filters/cors';
import { readGrpcStatus } from '@ambit/traffic/grpc';
import { answerMessage, type LocalAnswer, UPGRADE_NOT_ACCEPTED } from '@ambit/traffic/local-answer';
import type { RequestFacts } from '@ambit/traffic/request/request-facts';
import type { ResponseFlags } from '@ambit/traffic/response-flag';
import { MessageBody } from './message-body.ts';
import type { RequestRecord } from './request-record.ts';

const NO_FIELDS: readonly string[] = [];

/**
 * What the client of one request is told: an answer of our own, or one relayed from an endpoint, at the pace at which the
 * client takes it. Every method that sends content says whether the answer is complete with it.
 */
export class ClientAnswer {
  /** Whether the request is a gRPC call, whose status is a field and not the head's number. */
  grpc = false;
  /** What both say of response headers is done to every answer, an own one too: first what the destination says. */
  route: CompiledRoute | undefined;
  destination: CompiledDestination | undefined;
  /** What an external authorizer wants of an endpoint's answer. */
  checked: FieldChanges | undefined;
  readonly #down: ServerExchange;
  readonly #record: RequestRecord;
  readonly #buffers: BufferPool;
  /** Further fields of every answer: what limits have said. */
  fields: readonly string[] = NO_FIELDS;
  #cors: CompiledCors | undefined;
  #facts: RequestFacts | undefined;
  #setCookie: string | undefined;
  #begun = false;
  #body: MessageBody | undefined;
  /** Octets of an answer of our own that the client has not taken. */
  #rest: Buffer | undefined;

  constructor(down: ServerExchange, record: RequestRecord, buffers: BufferPool) {
    this.#down = down;
    this.#record = record;
    this.#buffers = buffers;
  }

  /** Its head is with the client: nothing else can be answered any more. */
  get begun(): boolean {
    return this.#begun;
  }

  /** The answer tells the origin of the request what it may do with it. */
  permits(cors: CompiledCors, facts: RequestFacts): void {
    this.#cors = cors;
    this.#facts = facts;
  }

  /** With what an endpoint answers, the client is told to keep a cookie. */
  sets(cookie: string): void {
    this.#setCookie = cookie;
  }

  /** An answer without an endpoint; `toHead`: the request asked for the head alone. */
  own(answer: LocalAnswer, toHead: boolean): boolean {
    const message = answerMessage(answer, { grpc: this.grpc, head: toHead });
    this.#change(message.fields);
    this.#begun = true;
    try {
      this.#down.respond(message.fields, message.body.length === 0);
    } catch (thrown) {
      if (!(thrown instanceof AmbitError)) throw thrown;
      // A success would say that its protocol is spoken from here on.
      if (this.#down.upgrade !== undefined && answer !== UPGRADE_NOT_ACCEPTED) {
        this.grpc = false;
        return this.own(UPGRADE_NOT_ACCEPTED, false);
      }
      // There is nothing else to say: the client takes less than this.
      this.#record.responding(0, answer.flags, answer.details);
      this.#down.reset(ErrorCode.internalError);
      return true;
    }
    this.#record.responding(Number(message.fields[1]), answer.flags, answer.details, message.fields);
    this.#noteGrpcStatus(message.fields);
    if (message.body.length === 0) return true;
    this.#rest = answer.octets ?? Buffer.from(message.body);
    return this.#sendRest(this.#rest);
  }

  /** The head of an endpoint's answer. @throws AmbitError when it cannot be said to this client; nothing was sent then. */
  head(fields: string[], endStream: boolean, flags: ResponseFlags): void {
    const head = this.checked === undefined ? fields : withChanges(fields, this.checked);
    if (this.#setCookie !== undefined) head.push('set-cookie', this.#setCookie);
    this.#change(head);
    this.#down.respond(head, endStream);
    this.#begun = true;
    this.#record.responding(Number(head[1]), flags, 'via_upstream', head);
    this.#noteGrpcStatus(head);
  }

  /** Content of an endpoint's answer; what the client does not take yet is kept, and holds `from` up. */
  content(from: ClientExchange, bytes: Buffer, start: number, end: number, endStream: boolean): boolean {
    this.#record.sent(bytes, start, end);
    this.#body ??= new MessageBody(this.#buffers, from, 0);
    this.#body.receive(bytes, start, end, endStream, this.#down);
    return this.#body.complete;
  }

  /** The trailers of an endpoint's answer, behind all of its content. */
  trailers(fields: FieldList): boolean {
    this.#noteGrpcStatus(fields);
    const body = this.#body;
    if (body === undefined || body.sent === body.length) {
      this.#down.sendTrailers(fields);
      return true;
    }
    body.endWith(fields, this.#down);
    return body.complete;
  }

  /** The client takes more. */
  resume(): boolean {
    if (this.#rest !== undefined) return this.#sendRest(this.#rest);
    this.#body?.pump(this.#down);
    return this.#body?.complete ?? false;
  }

  /** Gives back what is kept. */
  clear(): void {
    this.#body?.clear();
  }

  /** The gRPC status among these fields; -1 when there is none, or the request is not a call. */
  grpcStatus(fields: FieldList): number {
    const text = this.grpc ? fieldValue(fields, 'grpc-status') : undefined;
    return text === undefined ? -1 : readGrpcStatus(text);
  }

  #change(head: string[]): void {
    this.destination?.responseHeaders?.apply(head);
    this.route?.responseHeaders?.apply(head);
    if (this.#facts !== undefined) this.#cors?.permit(this.#facts, head);
    if (this.fields.length > 0) head.push(...this.fields);
  }

  #sendRest(rest: Buffer): boolean {
    const taken = this.#down.sendData(rest, 0, rest.length, true);
    this.#record.bytesSent += taken;
    this.#rest = rest.subarray(taken);
    return taken === rest.length;
  }

  #noteGrpcStatus(fields: FieldList): void {
    const status = this.grpcStatus(fields);
    if (status >= 0) this.#record.grpcStatus = status;
  }
}
