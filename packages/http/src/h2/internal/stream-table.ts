import { MAX_31_BITS } from '../frames.ts';
import type { Http2Handler } from '../handler.ts';
import { type Ending, Http2Stream } from '../stream.ts';
import { EndedStreams } from './ended-streams.ts';
import type { FloodGuard } from './flood-guard.ts';
import { StreamMap } from './stream-map.ts';

/** The streams of a connection and the rules about their ids (RFC 9113 5.1.1, 6.8). */
export class StreamTable<Owner> {
  readonly streams: StreamMap<Owner> = new StreamMap();
  readonly server: boolean;
  /** The connection is over: nothing is read, written or called any more. */
  ended = false;
  /** The peer takes no new streams. */
  peerGoesAway = false;
  draining: 'no' | 'announced' | 'final' = 'no';
  /** Server: highest stream the client opened. */
  highestPeerId = 0;
  /** Highest stream we process after our last GOAWAY. */
  lastAccepted: number = MAX_31_BITS;
  #nextId = 1;
  readonly #handler: Http2Handler<Owner>;
  readonly #receiveWindow: number;
  readonly #floods: FloodGuard;
  readonly #endedStreams: EndedStreams = new EndedStreams();

  constructor(server: boolean, handler: Http2Handler<Owner>, receiveWindow: number, floods: FloodGuard) {
    this.#floods = floods;
    this.server = server;
    this.#handler = handler;
    this.#receiveWindow = receiveWindow;
  }

  /** Streams a client may open when the peer takes `limit` at once. */
  openable(limit: number): number {
    if (this.server || this.ended || this.peerGoesAway || this.draining !== 'no' || this.#nextId > MAX_31_BITS)
      return 0;
    return Math.max(0, limit - this.streams.size);
  }

  get drained(): boolean {
    return this.draining === 'final' && this.streams.size === 0;
  }

  /** The client's next stream. */
  open(sendWindow: number): Http2Stream<Owner> {
    const id = this.#nextId;
    this.#nextId += 2;
    return this.add(id, sendWindow);
  }

  add(id: number, sendWindow: number): Http2Stream<Owner> {
    const stream = new Http2Stream<Owner>(id, sendWindow, this.#receiveWindow);
    this.streams.add(stream);
    return stream;
  }

  /** True for an id the peer would open next: acceptable for a request, whatever is done with it. */
  isFresh(id: number): boolean {
    return this.server && id % 2 === 1 && id > this.highestPeerId;
  }

  /** True for a stream that was never opened. Nobody pushes, so even ids never are. */
  isIdle(id: number): boolean {
    if (id % 2 === 0) return true;
    return this.server ? id > this.highestPeerId : id >= this.#nextId;
  }

  /** True for a stream that was passed over when one with a higher id was opened (RFC 9113 5.1.1). */
  wasSkipped(id: number): boolean {
    return (
      !this.isIdle(id) &&
      this.endingOf(id) === undefined &&
      !this.#endedStreams.mayForget(id) &&
      id <= this.lastAccepted
    );
  }

  endingOf(id: number): Ending | undefined {
    return this.#endedStreams.find(id);
  }

  /** Notes the end of a stream that the owner never heard of. */
  forget(id: number): void {
    const stream = this.streams.get(id);
    if (stream !== undefined) stream.closed = true;
    this.streams.delete(id);
    this.#endedStreams.add(id, 'reset-by-us');
    this.#floods.earnIdleFrames();
    this.tellDrained();
  }

  /** Takes a stream out, once. With an error code its owner hears of the reset. */
  remove(stream: Http2Stream<Owner>, ending: Ending, errorCode?: number): void {
    if (stream.closed) return;
    stream.closed = true;
    stream.waiting = false;
    this.streams.delete(stream.id);
    this.#endedStreams.add(stream.id, ending);
    this.#floods.earnIdleFrames();
    if (errorCode !== undefined) this.#handler.onReset(stream, errorCode, ending === 'reset-by-peer');
    this.#handler.onStreamClosed(stream);
    this.tellDrained();
  }

  tellDrained(): void {
    if (this.drained && !this.ended) this.#handler.onDrained();
  }
}
