import type { LocalAnswer } from '../local-answer.ts';
import type { Authorizer } from '../model/authorizer.ts';
import { checkFailedAnswer, type CheckResult, failed } from './check-result.ts';
import type { CheckedClient, CheckedContent, CheckedRequest } from './checked-request.ts';
import { grpcQuestion, readGrpcAnswer } from './grpc-check.ts';
import { HttpCheck } from './http-check.ts';

/** A question as it is sent to an authorizer. */
export interface Question {
  readonly head: readonly string[];
  /** Empty: the head is all. */
  readonly body: Buffer;
}

/** What an authorizer answered. `trailers`: empty without. */
export interface AuthorizerAnswer {
  readonly head: readonly string[];
  readonly body: Buffer;
  readonly trailers: readonly string[];
}

/** An authorizer made ready: what is asked, and what its answers mean. */
export class CompiledAuthorizer {
  readonly model: Authorizer;
  /** Undefined: it lets through who could not be checked. */
  readonly onError: LocalAnswer | undefined;
  readonly #http: HttpCheck | undefined;

  constructor(model: Authorizer) {
    this.model = model;
    this.onError = model.failOpen ? undefined : checkFailedAnswer(model.statusOnError);
    this.#http = model.protocol.kind === 'http' ? new HttpCheck(model.protocol) : undefined;
  }

  /** Whether it cannot be asked at all. */
  get unavailable(): boolean {
    return this.model.protocol.kind === 'unavailable';
  }

  /** What it has to be spoken to with; undefined: as its cluster says. */
  get version(): 'HTTP/1.1' | 'HTTP/2' {
    return this.model.protocol.kind === 'grpc' ? 'HTTP/2' : 'HTTP/1.1';
  }

  question(request: CheckedRequest, client: CheckedClient, content: CheckedContent | undefined): Question {
    const { protocol, timeoutMs, body } = this.model;
    if (this.#http !== undefined) return this.#http.question(request, content);
    const authority = protocol.kind === 'grpc' ? protocol.authority : '';
    return grpcQuestion(authority, timeoutMs, { request, client, content, asBytes: body?.asBytes === true });
  }

  read(answer: AuthorizerAnswer): CheckResult {
    try {
      return this.#http?.read(answer) ?? readGrpcAnswer(answer);
    } catch {
      return failed('its answer cannot be read');
    }
  }
}
