import type { LocalAnswer } from '@ambit/traffic/local-answer';
import type { ResponseFlags } from '@ambit/traffic/response-flag';

/** Who lets a request be forwarded. One of `answer`, `finish` and `cut` is called, once, unless it gives up itself. */
export interface Forwarder {
  /** No endpoint has answered: the client gets this instead. */
  answer(answer: LocalAnswer): void;
  /** The client has the whole answer, as far as it is ours to send. */
  finish(): void;
  /** Another protocol is spoken from here on. */
  onSwitched(): void;
  /** The answer ended in the middle. */
  cut(flags: ResponseFlags, details: string): void;
}
