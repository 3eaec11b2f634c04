import {
  CLIENT_HEADER_LIST_BYTES,
  CONNECTION_WINDOW_BYTES,
  MAX_CONCURRENT_STREAMS,
  MAX_FRAME_BYTES,
  SERVER_HEADER_LIST_BYTES,
  STREAM_WINDOW_BYTES,
} from '../limits.ts';
import { FrameType, FRAME_HEADER_BYTES, Setting, writeFrameHeader, writeUint32 } from './frames.ts';

export type Http2Role = 'client' | 'server';

/** What this end takes. All sizes in octets. */
export interface Http2Options {
  readonly role: Http2Role;
  /** Server: streams open at once. Default 200. */
  readonly maxConcurrentStreams?: number;
  /** Receive window of a stream. Default 4 MiB. */
  readonly streamWindow?: number;
  /** Receive window of the connection, at least 65,535. Default 16 MiB. */
  readonly connectionWindow?: number;
  /** Largest frame. Default 1 MiB. */
  readonly maxFrameSize?: number;
  /** Largest header list. Default 64 KiB for a server, 16 KiB for a client. */
  readonly maxHeaderListSize?: number;
  /** Server: CONNECT may name a protocol (RFC 8441), which is announced. Default false: such a request is malformed. */
  readonly connectProtocol?: boolean;
  /** Huffman-code header strings that get shorter. Default false. */
  readonly huffman?: boolean;
}

export type ResolvedOptions = Required<Http2Options>;

// An owner with many connections gives each the same options: what follows from them is made once.
const resolvedOptions = new WeakMap<Http2Options, ResolvedOptions>();
const settingsFrames = new WeakMap<ResolvedOptions, Buffer>();

/** Options do not change once they were used. */
export function resolveOptions(options: Http2Options): ResolvedOptions {
  let resolved = resolvedOptions.get(options);
  if (resolved === undefined) {
    resolved = withDefaults(options);
    resolvedOptions.set(options, resolved);
  }
  return resolved;
}

function withDefaults(options: Http2Options): ResolvedOptions {
  return {
    role: options.role,
    maxConcurrentStreams: options.maxConcurrentStreams ?? MAX_CONCURRENT_STREAMS,
    streamWindow: options.streamWindow ?? STREAM_WINDOW_BYTES,
    connectionWindow: options.connectionWindow ?? CONNECTION_WINDOW_BYTES,
    maxFrameSize: options.maxFrameSize ?? MAX_FRAME_BYTES,
    maxHeaderListSize:
      options.maxHeaderListSize ?? (options.role === 'server' ? SERVER_HEADER_LIST_BYTES : CLIENT_HEADER_LIST_BYTES),
    connectProtocol: options.connectProtocol ?? false,
    huffman: options.huffman ?? false,
  };
}

/** The SETTINGS frame that says so; not to be written to. */
export function settingsFrame(options: ResolvedOptions): Buffer {
  let frame = settingsFrames.get(options);
  if (frame === undefined) {
    frame = makeSettingsFrame(options);
    settingsFrames.set(options, frame);
  }
  return frame;
}

function makeSettingsFrame(options: ResolvedOptions): Buffer {
  const settings: [number, number][] = [
    options.role === 'server' ? [Setting.maxConcurrentStreams, options.maxConcurrentStreams] : [Setting.enablePush, 0],
    [Setting.initialWindowSize, options.streamWindow],
    [Setting.maxFrameSize, options.maxFrameSize],
    [Setting.maxHeaderListSize, options.maxHeaderListSize],
  ];
  if (options.connectProtocol) settings.push([Setting.enableConnectProtocol, 1]);
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + settings.length * 6);
  writeFrameHeader(frame, 0, settings.length * 6, FrameType.settings, 0, 0);
  settings.forEach(([id, value], index) => {
    const at = FRAME_HEADER_BYTES + index * 6;
    frame[at + 1] = id;
    writeUint32(frame, at + 2, value);
  });
  return frame;
}
