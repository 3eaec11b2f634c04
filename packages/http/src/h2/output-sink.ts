/** Where a connection's owner takes what shall be sent. Frames stand in `bytes` in the order of sending. */
export interface OutputSink {
  /** May be replaced by `room`. */
  readonly bytes: Buffer;
  /** Offset of the first free octet of `bytes`; the writer of a frame moves it. `room` may change it. */
  end: number;
  /**
   * Makes `size` octets free behind `end`, compacting or taking a buffer when needed; false when that is impossible now.
   * Whoever asks is about to write: the owner sees to it that `bytes` leaves by the end of the turn.
   */
  room(size: number): boolean;
}
