import { ASSUMED_PEER_STREAMS } from '../limits.ts';
import { Http2ConnectionError } from './errors.ts';
import {
  DEFAULT_FRAME_BYTES,
  DEFAULT_WINDOW_BYTES,
  ErrorCode,
  LARGEST_FRAME_BYTES,
  MAX_31_BITS,
  readUint32,
  Setting,
} from './frames.ts';

/** What the peer asked for by SETTINGS, with the protocol's defaults before (RFC 9113 6.5.2). */
export class PeerSettings {
  headerTableSize = 4096;
  /** Streams we may open; a careful assumption until the first SETTINGS, then without limit unless it is given. */
  maxConcurrentStreams: number = ASSUMED_PEER_STREAMS;
  initialWindowSize: number = DEFAULT_WINDOW_BYTES;
  maxFrameSize: number = DEFAULT_FRAME_BYTES;
  /** Advisory: exchanges heed it. */
  maxHeaderListSize: number = Number.POSITIVE_INFINITY;
  /** A server's CONNECT may name a protocol (RFC 8441 3). */
  connectProtocol = false;
  /** The first SETTINGS arrived. */
  known = false;

  /** Takes the payload of a SETTINGS frame. Throws Http2ConnectionError for a value out of range. */
  apply(bytes: Uint8Array, start: number, end: number, peerIsServer: boolean): void {
    if (!this.known) {
      this.known = true;
      this.maxConcurrentStreams = MAX_31_BITS;
    }
    for (let at = start; at + 6 <= end; at += 6) {
      const id = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      this.#set(id, readUint32(bytes, at + 2), peerIsServer);
    }
  }

  #set(id: number, value: number, peerIsServer: boolean): void {
    switch (id) {
      case Setting.headerTableSize:
        this.headerTableSize = value;
        return;
      case Setting.enablePush:
        if (value > 1 || (peerIsServer && value !== 0)) {
          throw new Http2ConnectionError(ErrorCode.protocolError, `SETTINGS_ENABLE_PUSH ${value}`);
        }
        return;
      case Setting.maxConcurrentStreams:
        this.maxConcurrentStreams = Math.min(value, MAX_31_BITS);
        return;
      case Setting.initialWindowSize:
        if (value > MAX_31_BITS) {
          throw new Http2ConnectionError(ErrorCode.flowControlError, `SETTINGS_INITIAL_WINDOW_SIZE ${value}`);
        }
        this.initialWindowSize = value;
        return;
      case Setting.maxFrameSize:
        if (value < DEFAULT_FRAME_BYTES || value > LARGEST_FRAME_BYTES) {
          throw new Http2ConnectionError(ErrorCode.protocolError, `SETTINGS_MAX_FRAME_SIZE ${value}`);
        }
        this.maxFrameSize = value;
        return;
      case Setting.maxHeaderListSize:
        this.maxHeaderListSize = value;
        return;
      case Setting.enableConnectProtocol:
        if (value > 1 || (value === 0 && this.connectProtocol)) {
          throw new Http2ConnectionError(ErrorCode.protocolError, `SETTINGS_ENABLE_CONNECT_PROTOCOL ${value}`);
        }
        this.connectProtocol = value === 1;
        return;
      default:
      // Unknown settings are ignored (RFC 9113 6.5.2).
    }
  }
}
