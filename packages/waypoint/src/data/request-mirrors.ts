import type { FieldList } from '@ambit/http/h2/message-fields';
import type { CompiledMirror } from '@ambit/traffic/compiled-service';
import { isDrawn } from '@ambit/traffic/filters/share';
import type { DataThreadContext } from './context.ts';
import type { MessageBody } from './message-body.ts';
import { MirroredRequest, type Original } from './mirrored-request.ts';
import type { LiveService } from './served-services.ts';

/** The copies of one request. Whatever happens to them, also what should not, the request hears nothing of it. */
export class RequestMirrors {
  readonly #thread: DataThreadContext;
  readonly #copies: MirroredRequest[] = [];

  private constructor(thread: DataThreadContext) {
    this.#thread = thread;
  }

  /** Draws and begins the copies of a request, with the content that has come; undefined when there are none. */
  static begin(
    thread: DataThreadContext,
    mirrors: readonly CompiledMirror[],
    live: LiveService,
    original: Original,
    body: MessageBody | undefined,
  ): RequestMirrors | undefined {
    let drawn: RequestMirrors | undefined;
    for (const mirror of mirrors) {
      if (!isDrawn(mirror.perMillion, thread.choice.random)) continue;
      drawn ??= new RequestMirrors(thread);
      drawn.#begin(mirror, live, original);
    }
    if (drawn !== undefined && body !== undefined) drawn.#catchUp(body);
    return drawn;
  }

  receive(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.#each((copy) => {
      copy.receive(bytes, start, end, endStream);
    });
  }

  endWith(trailers: FieldList): void {
    this.#each((copy) => {
      copy.endWith(trailers);
    });
  }

  /** Nothing more of the request comes. */
  requestOver(): void {
    this.#each((copy) => {
      copy.requestOver();
    });
  }

  #begin({ cluster: compiled }: CompiledMirror, live: LiveService, original: Original): void {
    const { metrics, reactor } = this.#thread;
    const cluster = live.clusters.get(compiled);
    if (cluster === undefined) return;
    const copy = new MirroredRequest(reactor, cluster, original, (result) => {
      metrics.mirrored(compiled.name, result);
    });
    this.#copies.push(copy);
    this.#safely(() => {
      copy.begin();
    });
  }

  /** A request that was held back has been sent in part, or wholly. */
  #catchUp(body: MessageBody): void {
    body.eachChunk((bytes, start, end) => {
      this.receive(bytes, start, end, false);
    });
    if (!body.ended) return;
    if (body.trailers === undefined) this.receive(NOTHING, 0, 0, true);
    else this.endWith(body.trailers);
  }

  #each(tell: (copy: MirroredRequest) => void): void {
    for (const copy of this.#copies) {
      this.#safely(() => {
        tell(copy);
      });
    }
  }

  #safely(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.#thread.reactor.report(thrown);
    }
  }
}

const NOTHING = Buffer.alloc(0);
