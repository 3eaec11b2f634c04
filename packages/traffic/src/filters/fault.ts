import { httpStatusOfGrpc } from '../grpc.ts';
import { type LocalAnswer, localAnswer } from '../local-answer.ts';
import type { Fault, FaultAbort } from '../model/route-filters.ts';
import { isDrawn } from './share.ts';

/** Faults of a route, made ready. Each is drawn by itself; `random` gives numbers from 0 to below 1. */
export class CompiledFault {
  readonly #delayMs: number;
  readonly #delayPerMillion: number;
  readonly #abort: LocalAnswer | undefined;
  readonly #abortPerMillion: number;

  constructor({ delay, abort }: Fault) {
    this.#delayMs = delay?.delayMs ?? 0;
    this.#delayPerMillion = delay?.perMillion ?? 0;
    this.#abort = abort === null ? undefined : abortAnswer(abort);
    this.#abortPerMillion = abort?.perMillion ?? 0;
  }

  /** How long this request is held back, milliseconds; 0: it is not. */
  drawDelay(random: () => number): number {
    return isDrawn(this.#delayPerMillion, random) ? this.#delayMs : 0;
  }

  /** What this request is answered with instead of being served; asked after its delay. */
  drawAbort(random: () => number): LocalAnswer | undefined {
    return this.#abort !== undefined && isDrawn(this.#abortPerMillion, random) ? this.#abort : undefined;
  }
}

function abortAnswer({ kind, status }: FaultAbort): LocalAnswer {
  const http = kind === 'http' ? status : httpStatusOfGrpc(status);
  return localAnswer(http, 'FI', 'fault_filter_abort', 'fault filter abort', kind === 'grpc' ? status : undefined);
}
